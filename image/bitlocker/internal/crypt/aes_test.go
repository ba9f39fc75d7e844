package crypt

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

// slow is the cipher without groups.
func slow(c *aesCipher) *aesCipher { return &aesCipher{c.Block, nil} }

func mustAES(tb testing.TB, key []byte) *aesCipher {
	tb.Helper()
	c, err := newAES(key)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestGroupsAreUsed tells where the tests below compare the standard library with itself.
func TestGroupsAreUsed(t *testing.T) {
	t.Parallel()
	if mustAES(t, make([]byte, 16)).groups == nil {
		t.Skip("this processor has no instructions for AES, or no code uses them")
	}
}

// Of NIST SP 800-38A, appendix F: what is encrypted there, and by which keys.
const (
	nistPlain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51" +
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
	nistIV = "000102030405060708090a0b0c0d0e0f"
)

var nistVectors = []struct{ key, ecb, cbc string }{
	{
		"2b7e151628aed2a6abf7158809cf4f3c",
		"3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf" +
			"43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4",
		"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" +
			"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
	},
	{
		"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
		"bd334f1d6e45f25ff712a214571fa5cc974104846d0ad3ad7734ecb3ecee4eef" +
			"ef7afd2270e2e60adce0ba2face6444e9a4b41ba738d6c72fb16691603c18e0e",
		"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a" +
			"571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
	},
	{
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870" +
			"b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
		"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" +
			"39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
	},
}

// TestNIST puts the vectors through whole groups, and through the double ones that some processors
// take: the four blocks of each as often as they fit.
func TestNIST(t *testing.T) {
	t.Parallel()
	for _, v := range nistVectors {
		for _, n := range []int{groupSize, 2 * groupSize} {
			c, none := mustAES(t, unhex(t, v.key)), make([]byte, n)
			times := n / len(unhex(t, nistPlain))
			plain, ecb, cbc := unhex(t, strings.Repeat(nistPlain, times)), unhex(t, strings.Repeat(v.ecb, times)), unhex(t, strings.Repeat(v.cbc, times))
			b := bytes.Clone(plain)
			c.encryptXTS(b, none) // without tweaks it is ECB
			if !bytes.Equal(b, ecb) {
				t.Errorf("%d bits: encrypts to %x, want %x", 4*len(v.key), b, ecb)
			}
			c.decryptXTS(b, none)
			if !bytes.Equal(b, plain) {
				t.Errorf("%d bits: decrypts to %x, want %x", 4*len(v.key), b, plain)
			}

			iv := [aes.BlockSize]byte(unhex(t, nistIV))
			b = bytes.Clone(cbc)
			c.decryptCBC(b, &iv)
			// The fifth block is the first again, behind the fourth and not behind the vector.
			last := cbc[len(v.cbc)/2-aes.BlockSize:]
			for at := len(v.cbc) / 2; at < n; at += len(v.cbc) / 2 {
				for i := range iv {
					b[at+i] ^= iv[i] ^ last[i]
				}
			}
			if !bytes.Equal(b, plain) {
				t.Errorf("%d bits: CBC decrypts to %x, want %x", 4*len(v.key), b, plain)
			}
			c.encryptCBC(b[:64], &iv)
			if hex.EncodeToString(b[:64]) != v.cbc {
				t.Errorf("%d bits: CBC encrypts to %x, want %s", 4*len(v.key), b[:64], v.cbc)
			}
		}
	}
}

// IEEE 1619-2007, appendix B, vectors 4 and 10: the bytes 0 to 255 twice; of what they encrypt
// to, the first block and the last.
func TestIEEE(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		method      Method
		key         string
		unit        int64
		first, last string
	}{
		{XTS128, "2718281828459045235360287471352631415926535897932384626433832795", 0,
			"27a7479befa1d476489f308cd4cfa6e2", "0a282df920147beabe421ee5319d0568"},
		{XTS256, "27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592", 0xff,
			"1c3b3a102f770386e4836c99e370cf9b", "c4f36ffda9fcea70b9c6e693e148c151"},
	} {
		c, err := NewCipher(v.method, unhex(t, v.key), 512)
		if err != nil {
			t.Fatal(err)
		}
		b := sequence(0, 512)
		c.Encrypt(b, v.unit*512)
		if first, last := hex.EncodeToString(b[:16]), hex.EncodeToString(b[496:]); first != v.first || last != v.last {
			t.Errorf("%v: %s … %s, want %s … %s", v.method, first, last, v.first, v.last)
		}
		c.Decrypt(b, v.unit*512)
		if !bytes.Equal(b, sequence(0, 512)) {
			t.Errorf("%v: decrypts to something else", v.method)
		}
	}
}

// sameAsLibrary holds the groups against the standard library, block by block, in b and tweaks
// where they lie.
func sameAsLibrary(t *testing.T, c *aesCipher, b, tweaks []byte, iv [aes.BlockSize]byte) {
	t.Helper()
	for _, c := range variants(c) {
		oneSameAsLibrary(t, c, b, tweaks, iv)
	}
}

func oneSameAsLibrary(t *testing.T, c *aesCipher, b, tweaks []byte, iv [aes.BlockSize]byte) {
	t.Helper()
	for name, do := range map[string]func(c *aesCipher, b []byte){
		"decrypt XTS": func(c *aesCipher, b []byte) { c.decryptXTS(b, tweaks) },
		"encrypt XTS": func(c *aesCipher, b []byte) { c.encryptXTS(b, tweaks) },
		"decrypt CBC": func(c *aesCipher, b []byte) { c.decryptCBC(b, &iv) },
	} {
		before := bytes.Clone(b)
		want := bytes.Clone(b)
		do(slow(c), want)
		do(c, b)
		if !bytes.Equal(b, want) {
			t.Errorf("%s of %d bytes differs", name, len(b))
		}
		if name == "decrypt CBC" && len(b) > 0 {
			copy(want, before)
			cipher.NewCBCDecrypter(c.Block, iv[:]).CryptBlocks(want, want)
			if !bytes.Equal(b, want) {
				t.Errorf("CBC of %d bytes differs from the library's", len(b))
			}
		}
	}
}

// TestGroups tries every number of blocks and every alignment, between bytes that have to stay.
func TestGroups(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{2})
	fill := func(n int) []byte {
		b := make([]byte, n)
		if _, err := random.Read(b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	const longest = 4 * groupSize
	for _, size := range []int{16, 24, 32} {
		c := mustAES(t, fill(size))
		for n := 0; n <= longest; n += aes.BlockSize {
			for at := range aes.BlockSize {
				around, tweaks := fill(longest+2*aes.BlockSize), fill(n+aes.BlockSize-at)
				was := bytes.Clone(around)
				sameAsLibrary(t, c, around[at:at+n:at+n], tweaks[aes.BlockSize-at:], [aes.BlockSize]byte(fill(aes.BlockSize)))
				if !bytes.Equal(around[:at], was[:at]) || !bytes.Equal(around[at+n:], was[at+n:]) {
					t.Fatalf("%d bytes at %d: bytes beside them were changed", n, at)
				}
			}
		}
	}
}

func FuzzGroups(f *testing.F) {
	f.Add(uint8(0), sequence(0, 32), sequence(5, groupSize), sequence(9, 2*groupSize))
	f.Add(uint8(2), sequence(1, 32), sequence(6, 48), sequence(7, 3*groupSize+16))
	f.Fuzz(func(t *testing.T, size uint8, key, tweak, b []byte) {
		key = append(key, make([]byte, 32)...)[:16+8*(size%3)]
		b = b[:len(b)/aes.BlockSize*aes.BlockSize]
		tweaks := make([]byte, len(b)+aes.BlockSize)
		copy(tweaks, tweak)
		sameAsLibrary(t, mustAES(t, key), b, tweaks, [aes.BlockSize]byte(tweaks))
	})
}
