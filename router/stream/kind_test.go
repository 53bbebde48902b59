package stream

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		contentType, encoding string
		want                  Kind
	}{
		{"text/event-stream", "", Events},
		{"Text/Event-Stream; charset=utf-8", "identity", Events},
		{"text/event-stream", "gzip", Bytes},
		{"application/x-ndjson", "", Lines},
		{"application/grpc", "", Messages},
		{"application/grpc+proto", "", Messages},
		{"application/grpc-web", "", Bytes},
		{"text/plain", "", Bytes},
		{"", "", Bytes},
	} {
		h := http.Header{"Content-Type": {c.contentType}}
		if c.encoding != "" {
			h.Set("Content-Encoding", c.encoding)
		}
		require.Equal(t, c.want, KindOf(h), "%+v", c)
	}
}

func TestBorders(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
		want int
	}{
		{Events, "", 0},
		{Events, "data: 1", 0},
		{Events, "data: 1\n", 0},
		{Events, "data: 1\n\n", 9},
		{Events, "data: 1\r\rdata", 9},
		{Events, "data: 1\r\n", 0},
		{Events, "data: 1\r\n\r\n", 11},
		{Events, "data: 1\r\n\r", 10},
		{Events, "data: 1\n\ndata: 2\ndata: 3\n\nid", 26},
		{Events, ": still here\n", 13},
		{Events, ": still here", 0},
		{Events, "data: 1\n: still here\n", 0},
		{Events, ": still here\ndata: 1\n", 13},
		{Lines, "", 0},
		{Lines, "{}", 0},
		{Lines, "{}\n{\r", 3},
		{Messages, "", 0},
		{Messages, "\x00\x00", 0},
		{Messages, "\x00\x00\x00\x00\x02ab", 7},
		{Messages, "\x00\x00\x00\x00\x02ab\x01\x00\x00\x00\x00\x00", 12},
		{Messages, "\x00\x00\x00\x01\x00", 0},
		{Bytes, "a\n\n", -1},
	} {
		whole := borders{kind: c.kind}
		require.Equal(t, c.want, whole.follow([]byte(c.text)), "%+v", c)
	}
}

// FuzzBorders: however the bytes are split, the borders are the same.
func FuzzBorders(f *testing.F) {
	f.Add("data: 1\r\n\r\n: x\ndata: 2\n\n", uint8(3), uint8(0))
	f.Add("\x00\x00\x00\x00\x02ab\x01\x00\x00\x00\x00", uint8(2), uint8(2))
	f.Fuzz(func(t *testing.T, all string, size, which uint8) {
		kind := []Kind{Events, Lines, Messages}[which%3]
		whole, pieces, last := borders{kind: kind}, borders{kind: kind}, 0
		want := whole.follow([]byte(all))
		n := max(1, int(size))
		for at := 0; at < len(all); at += n {
			if b := pieces.follow([]byte(all[at:min(at+n, len(all))])); b >= 0 {
				last = at + b
			}
		}
		require.Equal(t, want, last)
		require.Equal(t, whole, pieces)
	})
}
