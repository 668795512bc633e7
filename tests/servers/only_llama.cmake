# llama-cpp-python turns this on whatever it is told; only then is a cache variable of the same name kept.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "" FORCE)
