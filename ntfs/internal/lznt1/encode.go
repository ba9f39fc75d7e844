package lznt1

// Encode appends src, compressed. It looks for one earlier place of each three
// bytes: made for volumes to test with, not to save space.
func Encode(dst, src []byte) []byte {
	for len(src) > 0 {
		chunk := src[:min(chunkSize, len(src))]
		dst = encodeChunk(dst, chunk)
		src = src[len(chunk):]
	}
	return dst
}

// encodeChunk appends one chunk, as it is if it does not shrink.
func encodeChunk(dst, src []byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0)
	var (
		seen  [1 << hashBits]int // place after the last sequence with this hash
		group int                // where the flags of the current group are
	)
	for at, item := 0, 0; at < len(src); item++ {
		if item%groupItems == 0 {
			group = len(dst)
			dst = append(dst, 0)
		}
		distance, length := find(&seen, src, at)
		if length < minMatch {
			dst = append(dst, src[at])
			at++
			continue
		}
		dst[group] |= 1 << (item % groupItems)
		dst = le.AppendUint16(dst, uint16((distance-1)<<(matchBits-distanceBits(at))|(length-minMatch)))
		at += length
	}
	header := uint16(headerSignature | headerCompressed)
	if len(dst)-start-headerSize >= len(src) {
		header = headerSignature
		dst = append(dst[:start+headerSize], src...)
	}
	le.PutUint16(dst[start:], header|uint16(len(dst)-start-headerSize-1))
	return dst
}

const hashBits = 10

// find looks for what stands at src[at:] further ahead in the chunk.
func find(seen *[1 << hashBits]int, src []byte, at int) (distance, length int) {
	if len(src)-at < minMatch {
		return 0, 0
	}
	hash := (uint32(src[at])<<16 | uint32(src[at+1])<<8 | uint32(src[at+2])) * 0x9e3779b1 >> (32 - hashBits)
	from := seen[hash] - 1
	seen[hash] = at + 1
	if from < 0 {
		return 0, 0
	}
	limit := min(len(src)-at, 1<<(matchBits-distanceBits(at))-1+minMatch)
	for length < limit && src[from+length] == src[at+length] {
		length++
	}
	return at - from, length
}
