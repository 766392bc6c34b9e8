fn main() {
    corro::select! {}
}
