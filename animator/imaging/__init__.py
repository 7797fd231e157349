"""Picture → picture; numpy and cv2 only, no state, no files."""
