package auth

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"mcpproxy/auth/egress"
	"mcpproxy/auth/vault"
)

const (
	pollInterval = 5 * time.Second // if the server names none; also what slow_down adds (RFC 8628 section 3.5)
	pollMax      = time.Minute     // between two polls while the network or the server is down
	deviceLife   = 15 * time.Minute
	maxUserCode  = 60 // bytes, more than anybody types in
)

// beginDevice starts the device flow, RFC 8628 section 3.1.
func (a *Authority) beginDevice(ctx context.Context, b loginRequest) (*Login, error) {
	client, ok := b.t.knownClient(b.e)
	if !ok {
		if client, ok = a.reusable(ctx, b.t, b.e, b.old, b.scopes); !ok {
			var err error
			if client, err = a.register(ctx, b.t, b.e, defaultRedirect, b.scopes); err != nil {
				return nil, err
			}
		}
	}
	form := url.Values{}
	if len(b.scopes) > 0 {
		form.Set("scope", strings.Join(b.scopes, " "))
	}
	if b.e.resource != "" {
		form.Set("resource", b.e.resource)
	}
	resp, err := b.t.post(ctx, b.e.device, b.t.clientOf(client), form)
	if err != nil {
		return nil, err
	}
	p := b.pending(client)
	p.Flow = vault.DeviceFlow
	p.DeviceCode, p.UserCode = resp.text("device_code"), oneLine(resp.text("user_code"))
	a.registerSecrets(p.DeviceCode)
	// The second is the name in an early draft, still in use.
	p.VerificationURI = cmp.Or(resp.text("verification_uri"), resp.text("verification_url"))
	p.VerificationURIComplete = resp.text("verification_uri_complete")
	if p.DeviceCode == "" || p.UserCode == "" || len(p.UserCode) > maxUserCode {
		return nil, &DiscoveryError{URL: b.t.tell(b.e.device, 200), Err: errBadResponse}
	}
	for _, u := range []*string{&p.VerificationURI, &p.VerificationURIComplete} {
		if _, err := egress.ParseURL(*u); err != nil && (*u != "" || u == &p.VerificationURI) {
			return nil, &DiscoveryError{URL: b.t.tell(b.e.device, 200), Err: err}
		}
	}
	p.Expires = p.Started.Add(cmp.Or(resp.seconds("expires_in"), deviceLife))
	p.Interval = cmp.Or(resp.seconds("interval"), pollInterval)
	return a.startLogin(ctx, b, p, &poller{}, nil)
}

// A poller receives the tokens of the device flow.
type poller struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func (d *poller) open(ctx context.Context, l *Login) {
	ctx, d.cancel = context.WithCancel(ctx)
	d.wg.Go(func() {
		if err := d.poll(ctx, l); ctx.Err() == nil || err == nil {
			l.report(err)
		}
	})
}

func (d *poller) Close() {
	if d.cancel != nil {
		d.cancel()
	}
	d.wg.Wait()
}

// poll requests the tokens until the response is final or ctx ends (RFC 8628
// section 3.5). A network failure is not final, nor an answer that asks to wait.
func (d *poller) poll(ctx context.Context, l *Login) error {
	interval, pause := l.pending.Interval, l.pending.Interval
	told := ""
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		err := l.authority.exchangeDeviceCode(ctx, l.target, l.pending)
		f, _ := factOf(err)
		switch {
		case err == nil:
			return nil
		case f.isPending():
			pause = interval
		case f.code == slowDown:
			interval += pollInterval
			pause = interval
		case endsLogin(err):
			return l.failed(deviceRefusalReason(err), err)
		case isFinal(err):
			return err
		default:
			pause = max(min(2*pause, max(pollMax, interval)), f.retryAfter) // RFC 8628 section 3.5: exponential backoff
			l.authority.log.Debug("device poll failed", "server", l.Server, "error", err)
			if err = l.failed(StillWaiting, err); err.Error() != told {
				told = err.Error()
				l.tell(err)
			}
		}
	}
}

// isPending reports whether an answer says in whatever words that the person
// has not agreed yet.
func (f answerFact) isPending() bool {
	return f.code == authorizationPending || f.code == "" && strings.Contains(letters(f.words), letters(authorizationPending))
}

// isFinal reports whether polling again after err is useless.
func isFinal(err error) bool {
	_, ended := errors.AsType[*LoginError](err)
	_, notSaved := errors.AsType[*vault.Error](err)
	return ended || notSaved
}

// deviceRefusalReason is refusalReason for the device flow.
func deviceRefusalReason(err error) LoginReason {
	if codeOf(err) == invalidGrant {
		return LoginExpired // some servers do not know expired_token
	}
	return refusalReason(err)
}

// exchangeDeviceCode requests the tokens of p once (RFC 8628 section 3.4)
// and saves them, unless p was superseded in the meantime.
func (a *Authority) exchangeDeviceCode(ctx context.Context, t *target, p vault.Pending) error {
	tok, err := a.requestTokens(ctx, t, p.TokenEndpoint, p.Client, p.Resource, url.Values{
		"grant_type":  {grantDevice},
		"device_code": {p.DeviceCode},
	})
	switch {
	case codeOf(err) == invalidClient:
		a.noteLostClient(ctx, t)
		return err
	case isAnswerError(err): // the device code is used up
		return &LoginError{Server: t.Name, Reason: BadToken, Err: err}
	case err != nil:
		return err
	}
	ctx = context.WithoutCancel(ctx) // the tokens are issued only once
	lockFile, unlock, err := a.lock(ctx, t)
	if err != nil {
		return err
	}
	defer unlock()
	if !a.vault.PendingCurrent(t.Key, p.ID) {
		return &LoginError{Server: t.Name, Reason: Superseded}
	}
	if err := a.saveCredential(ctx, t, p, tok, lockFile); err != nil {
		return err
	}
	a.endPending(ctx, t, p, nil)
	return nil
}
