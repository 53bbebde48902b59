package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCountingAllocatesNothing(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	var c Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	c.Release(Class5xx) // the first request makes the handles
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c.counted, c.failed = false, false
		c.began = time.Now()
		c.answers(time.Millisecond, false)
		c.concludes(ClassBroken, time.Second)
	}))
	got := p.ledger.traffic("web", bluePro)
	require.EqualValues(t, 102, got.Requests)
	require.EqualValues(t, 102, got.Errors)
}

func TestARetriedRequestCountsForWhoAnswered(t *testing.T) {
	p := newPublisher(t)
	p.publish(snapshotOf(bluePro))
	var c Claim
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	p.publish(snapshotOf(greenPro))
	require.True(t, c.Again(t.Context()))
	c.answers(time.Millisecond, false)
	c.Release(Class2xx)
	c.Release(Class5xx)
	require.Zero(t, p.ledger.traffic("web", bluePro).Requests)
	green := p.ledger.traffic("web", greenPro)
	require.EqualValues(t, 1, green.Requests)
	require.Zero(t, green.Errors)
	require.Nil(t, p.dispatch.begin(t.Context(), &c, askWeb))
	c.Release(Class5xx)
	green = p.ledger.traffic("web", greenPro)
	require.EqualValues(t, 2, green.Requests, "a claim is used again")
	require.EqualValues(t, 1, green.Errors)
}

func TestBucketsHoldWhatTookUpToTheirBounds(t *testing.T) {
	var a answered
	a.count(0)
	a.count(answerBounds[0])
	a.count(answerBounds[0] + 1)
	a.count(answerBounds[len(answerBounds)-1])
	a.count(answerBounds[len(answerBounds)-1] + 1)
	got := a.reading()
	require.EqualValues(t, 5, got.Requests)
	require.EqualValues(t, 2, got.Buckets[0].Count)
	require.EqualValues(t, 3, got.Buckets[1].Count)
	require.EqualValues(t, 4, got.Buckets[len(answerBounds)-1].Count)
	require.EqualValues(t, 5, got.Buckets[len(answerBounds)].Count)
	require.Zero(t, got.Buckets[len(answerBounds)].LE)
}
