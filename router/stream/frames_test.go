package stream

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// frame is a frame as RFC 6455, section 5.2, spells it, with a length in as many
// bytes as size says: 1, 3 or 9.
func frame(opcode byte, masked bool, size, payload int) []byte {
	var mask byte
	if masked {
		mask = maskBit
	}
	b := []byte{0x80 | opcode}
	switch size {
	case 1:
		b = append(b, mask|byte(payload))
	case 3:
		b = append(b, mask|length16, byte(payload>>8), byte(payload))
	default:
		b = append(b, mask|length64, 0, 0, 0, 0, byte(payload>>24), byte(payload>>16), byte(payload>>8), byte(payload))
	}
	if masked {
		b = append(b, 0x88, 0x88, 0x88, 0x88)
	}
	return append(b, bytes.Repeat([]byte{0x88}, payload)...) // which looks like close frames
}

func TestFramesEndWhereTheyEnd(t *testing.T) {
	for name, one := range map[string][]byte{
		"empty":         frame(1, false, 1, 0),
		"empty, masked": frame(9, true, 1, 0),
		"short":         frame(1, false, 1, 125),
		"short, masked": frame(2, true, 1, 7),
		"16 bit":        frame(1, false, 3, 126),
		"16, masked":    frame(2, true, 3, 300),
		"64 bit":        frame(2, false, 9, 70_000),
		"64, masked":    frame(2, true, 9, 70_000),
		"64 for little": frame(2, true, 9, 1),
		"our own close": maskedCloseFrame(),
	} {
		var f frames
		require.True(t, f.atBorder(), name)
		for i := range one[:len(one)-1] {
			f.follow(one[i : i+1])
			require.False(t, f.atBorder(), "%s at %d", name, i)
		}
		require.Equal(t, 1, f.follow(one[len(one)-1:]).border, name)
		require.True(t, f.atBorder(), name)
	}
}

func TestFramesTellOfTheFirstClose(t *testing.T) {
	text, end := frame(1, false, 1, 5), frame(opcodeClose, false, 1, 2)
	all := bytes.Join([][]byte{text, text, end, end}, nil)
	var f frames
	require.Equal(t, passage{border: len(all), closing: 2 * len(text)}, f.follow(all))
	require.True(t, f.closed)
	require.Equal(t, passage{border: 4, closing: -1}, f.follow(end))
}

// FuzzFrames reads the same bytes in one piece, byte by byte and in pieces that
// the fuzzer chooses: the borders are the same.
func FuzzFrames(f *testing.F) {
	f.Add(frame(1, true, 3, 300), []byte{1, 2, 200})
	f.Add(append(frame(1, false, 9, 10), frame(opcodeClose, false, 1, 2)...), []byte{3})
	f.Fuzz(func(t *testing.T, all, sizes []byte) {
		var whole frames
		want := whole.follow(all)
		var single frames
		require.Equal(t, want, inPieces(&single, all, func(int) int { return 1 }))
		require.Equal(t, whole, single)
		var pieces frames
		require.Equal(t, want, inPieces(&pieces, all, func(i int) int {
			if len(sizes) == 0 {
				return 7
			}
			return int(sizes[i%len(sizes)])
		}))
		require.Equal(t, whole, pieces)
	})
}

func inPieces(f *frames, all []byte, size func(i int) int) passage {
	seen := f.follow(nil)
	for at, i := 0, 0; at < len(all); i++ {
		n := min(max(1, size(i)), len(all)-at)
		piece := f.follow(all[at : at+n])
		if piece.border >= 0 {
			seen.border = at + piece.border
		}
		if piece.closing >= 0 && seen.closing < 0 {
			seen.closing = at + piece.closing
		}
		at += n
	}
	return seen
}

func BenchmarkFrames(b *testing.B) {
	one := frame(2, true, 3, 1000)
	all := bytes.Repeat(one, 32)
	var f frames
	b.SetBytes(int64(len(all)))
	b.ReportAllocs()
	for b.Loop() {
		f.follow(all)
	}
}
