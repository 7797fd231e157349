"""Operations on images with NumPy and OpenCV, from arrays to arrays; none of them needs torch."""
