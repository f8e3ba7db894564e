/// The limit of connections, as one loop meets it.
extension DataLoop {
    /// Takes a place for a connection about to be accepted. False when there is none: accepting pauses until one is handed
    /// over.
    func takePlace() -> Bool {
        if heldPlaces > 0 {
            heldPlaces -= 1
            return true
        }
        guard !isWaitingForPlace else { return false }
        if places.claim(for: worker) { return true }
        isWaitingForPlace = true
        counters.count(.paused)
        return false
    }

    /// A place was handed over by another loop.
    func placeArrived() {
        heldPlaces += 1
        isWaitingForPlace = false
    }

    /// A connection is over.
    func givePlaceBack() {
        if places.release(by: worker) { placeArrived() }
    }

    /// Whether clients that wait can be served.
    var mayAccept: Bool { heldPlaces > 0 || !isWaitingForPlace }

    /// What nobody came for goes back at the end of a turn: another loop's client may wait for it.
    func returnUnusedPlaces() {
        while heldPlaces > 0 {
            heldPlaces -= 1
            givePlaceBack()
        }
    }
}
