package lz

// Match copies length bytes that lie distance bytes back to dst[at:] and
// returns where they end. The two may overlap: then the bytes repeat.
func Match(dst []byte, at, distance, length int) (end int, err error) {
	if distance <= 0 || distance > at || length > len(dst)-at {
		return 0, ErrMatch
	}
	end = at + length
	for from := at - distance; at < end; {
		at += copy(dst[at:end], dst[from:at])
	}
	return end, nil
}
