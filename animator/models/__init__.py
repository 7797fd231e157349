"""Facts about models that need no weights and no torch: families, samplers, file headers, prompt syntax."""
