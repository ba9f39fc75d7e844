package crypt

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// sequence is the bytes from, from+1, … .
func sequence(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(from + i)
	}
	return b
}

// The vectors were made with Python's cryptography (OpenSSL): AESCCM(0..31, nonce 100..111).
func TestCCM(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		plain  []byte
		sealed string // text, then MAC
	}{
		{nil, "0f7ba360bad75c485d88984e6df92e4c"},
		{[]byte("abc"), "5082cbfcc3be814c0b3807a3085dbd153c2b71"},
		{sequence(0, 44), "31e1aa7872a8def41ab8943b9d6c832ab3e3d7ab8ff3b90e0e9dd04fddf951964d9f0ae9acb22d7ad9fae3612659b1668082cff9915fdbdfafd95127"},
	} {
		key, nonce := sequence(0, 32), sequence(100, NonceSize)
		mac, text, err := SealCCM(key, nonce, c.plain)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(append(bytes.Clone(text), mac...)); got != c.sealed {
			t.Errorf("%d bytes: %s, want %s", len(c.plain), got, c.sealed)
		}
		if plain, err := OpenCCM(key, nonce, mac, text); err != nil || !bytes.Equal(plain, c.plain) {
			t.Errorf("opened: %x, %v", plain, err)
		}
		mac[3] ^= 1
		if _, err := OpenCCM(key, nonce, mac, text); !errors.Is(err, ErrMAC) {
			t.Errorf("with another MAC: %v", err)
		}
	}
}

// XTS with data unit 5 and keys 0, 1, 2, …; digests by Python's cryptography (OpenSSL).
func TestXTS(t *testing.T) {
	t.Parallel()
	for m, want := range map[Method]string{
		XTS128: "b1c483beb69bd3eda9116107abbb7fdedfc45a36ae27814f6f9a09d3b0b8ab9c",
		XTS256: "e42dfc0cdfba4b2167b76646959738ed3a9ed53847269fd15a7c578c7ca222cb",
	} {
		c, err := NewCipher(m, sequence(0, m.KeyLen()), 512)
		if err != nil {
			t.Fatal(err)
		}
		b := sequence(0, 512)
		c.Encrypt(b, 5*512)
		if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
			t.Errorf("%v: %s, want %s", m, got, want)
		}
	}
}

func allMethods() []Method {
	return []Method{CBC128Elephant, CBC256Elephant, CBC128, CBC256, XTS128, XTS256}
}

// TestRoundTrip decrypts runs of sectors after they were encrypted one by one.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{1})
	for _, m := range allMethods() {
		for _, sector := range []int{512, 4096} {
			c, err := NewCipher(m, sequence(7, m.KeyLen()), sector)
			if err != nil {
				t.Fatal(err)
			}
			plain := make([]byte, 5*sector)
			if _, err := random.Read(plain); err != nil {
				t.Fatal(err)
			}
			b, off := bytes.Clone(plain), int64(1<<40)
			for i := 0; i < len(b); i += sector {
				c.Encrypt(b[i:i+sector], off+int64(i))
			}
			for range 2 { // what one call leaves does not disturb the next
				again := bytes.Clone(b)
				c.Decrypt(again, off)
				if !bytes.Equal(again, plain) {
					t.Errorf("%v, %d: decrypts to something else", m, sector)
				}
			}
		}
	}
}

// TestCBCAgainstStandardLibrary decrypts each sector by itself, as it is defined.
func TestCBCAgainstStandardLibrary(t *testing.T) {
	t.Parallel()
	key := sequence(3, 32)
	c, err := NewCipher(CBC256, key, 512)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	got, want := sequence(0, 16*512), sequence(0, 16*512)
	c.Decrypt(got, 4096)
	for i := 0; i < len(want); i += 512 {
		iv := make([]byte, aes.BlockSize)
		binary.LittleEndian.PutUint64(iv, uint64(4096+i))
		block.Encrypt(iv, iv)
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(want[i:i+512], want[i:i+512])
	}
	if !bytes.Equal(got, want) {
		t.Error("differs")
	}
}

func TestNewCipherRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		m      Method
		key    int
		sector int
	}{{0x8006, 64, 512}, {XTS256, 32, 512}, {XTS128, 64, 512}, {CBC128, 0, 512}, {XTS128, 32, 0}, {XTS128, 32, 8192}, {XTS128, 32, 520}} {
		if _, err := NewCipher(c.m, make([]byte, c.key), c.sector); !errors.Is(err, ErrMethod) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestStretchStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Stretch(ctx, [32]byte{}, make([]byte, SaltSize)); !errors.Is(err, context.Canceled) {
		t.Errorf("stretch: %v", err)
	}
}

func BenchmarkDecrypt(b *testing.B) { benchmark(b, Cipher.Decrypt) }

func BenchmarkEncrypt(b *testing.B) { benchmark(b, Cipher.Encrypt) }

func benchmark(b *testing.B, work func(Cipher, []byte, int64)) {
	b.Helper()
	for _, m := range allMethods() {
		for _, sector := range []int{512, 4096} {
			b.Run(fmt.Sprintf("%v/%d", m, sector), func(b *testing.B) {
				c, err := NewCipher(m, sequence(0, m.KeyLen()), sector)
				if err != nil {
					b.Fatal(err)
				}
				buf := make([]byte, 1<<20)
				b.SetBytes(int64(len(buf)))
				b.ReportAllocs()
				for b.Loop() {
					work(c, buf, 1<<30)
				}
			})
		}
	}
}

func BenchmarkStretch(b *testing.B) {
	for b.Loop() {
		if _, err := Stretch(b.Context(), [32]byte{}, make([]byte, SaltSize)); err != nil {
			b.Fatal(err)
		}
	}
}
