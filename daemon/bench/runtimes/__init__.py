"""A CTranslate2 Whisper model in other runtimes: converted, written as their files, quantized and run."""
