"""What goes wrong in ONNX Runtime, whose errors have no common class (runs in the engine child)."""

MEMORY_FAILURES = ("allocate memory", "alloc_failed", "bad_alloc", "out of memory")
"""How ONNX Runtime and the libraries below it say, in lower case, that there is too little memory."""


def is_about_memory(error: Exception) -> bool:
    """Tell whether there was too little memory."""
    return any(said in str(error).lower() for said in MEMORY_FAILURES)
