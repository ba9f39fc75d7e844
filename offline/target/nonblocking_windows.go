package target

// nonBlocking asks for nothing: no name on a volume stands for a pipe here.
const nonBlocking = 0
