package router

import (
	"context"
	"errors"
	"net/http"
)

// answer is what the client is told when its request got no answer.
func (f *flight) answer(ctx context.Context, err error) *Answer {
	c := f.claim
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errFirstByte) || errors.Is(err, errFirstByte):
		return c.answerFor(http.StatusGatewayTimeout, CodeTimeout,
			"did not begin to answer within "+f.policy.firstByte.String()+". Try again; if it stays so, look at its log.")
	case errors.Is(cause, errWhole):
		return c.answerFor(http.StatusGatewayTimeout, CodeTimeout,
			"did not answer within "+f.policy.whole.String()+". Try again; if it stays so, look at its log.")
	case f.tooLarge.Load():
		return c.answerTooLarge()
	case f.uploadBroke.Load():
		return c.answerFor(http.StatusBadRequest, CodeBadRequest, "was not sent the whole request: its body broke off. Send it again.")
	case dialFailed(err):
		return c.answerFor(http.StatusBadGateway, CodeRefused, "can't be reached. Try again; if it stays so, look at its checks on the catalogue page.")
	}
	return c.answerFor(http.StatusBadGateway, CodeBroken, "gave no proper answer. Try again; if it stays so, look at its log.")
}

// answerFor is an answer about an instance that was claimed.
func (c *Claim) answerFor(status int, code, what string) *Answer {
	a := c.answerOf(status, code)
	a.Message = "An instance of " + a.Target + " of " + a.Service + " " + what
	return a
}

func (c *Claim) answerTooLarge() *Answer {
	a := c.answerOf(http.StatusRequestEntityTooLarge, CodeTooLarge)
	a.Message = "The body is larger than " + a.Service + " takes. Send less at a time."
	return a
}

func (c *Claim) answerOf(status int, code string) *Answer {
	r := c.Match.Route
	return &Answer{Status: status, Code: code, Service: r.Service, Alias: r.Alias, Target: c.Target()}
}
