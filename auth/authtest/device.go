package authtest

import (
	"crypto/rand"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A device is one device authorization, RFC 8628.
type device struct {
	grant    *grant
	userCode string
	expires  time.Time
	interval time.Duration
	polled   time.Time // last
	decided  bool      // on the page, see approved
	approved bool
	used     bool
}

// startDevice answers RFC 8628 section 3.1.
func (s *Server) startDevice(w http.ResponseWriter, r *http.Request) {
	client, ok := s.authenticate(w, r)
	if !ok {
		return
	}
	g, problem := s.grantFor(client, r.PostFormValue("scope"), r.PostForm["resource"])
	if !client.may(grantDevice) {
		problem = "unauthorized_client"
	}
	if problem != "" {
		s.refuse(w, client.ID, http.StatusBadRequest, problem, "authtest says "+problem)
		return
	}
	text := rand.Text()
	deviceCode, userCode := "device-"+rand.Text(), text[:4]+"-"+text[4:8]
	s.mu.Lock()
	s.devices[deviceCode] = &device{
		grant: g, userCode: userCode,
		expires: time.Now().Add(s.o.DeviceTTL), interval: s.o.DeviceInterval,
	}
	s.hide(deviceCode)
	s.mu.Unlock()
	answer(w, http.StatusOK, s.override(Device, map[string]any{
		"device_code":               deviceCode,
		"user_code":                 userCode,
		"verification_uri":          s.URL + "/device",
		"verification_uri_complete": s.URL + "/device?user_code=" + url.QueryEscape(userCode),
		"expires_in":                int(s.o.DeviceTTL.Seconds()),
		"interval":                  int(math.Ceil(s.o.DeviceInterval.Seconds())),
	}))
}

// exchangeDeviceCode answers a poll, RFC 8628 section 3.5; s.mu is held.
func (s *Server) exchangeDeviceCode(r *http.Request, client Client) (map[string]any, string) {
	d := s.devices[r.PostFormValue("device_code")]
	if d == nil || d.grant.client != client.ID || d.used {
		return nil, "invalid_grant"
	}
	now := time.Now()
	early := now.Sub(d.polled) < d.interval*9/10 // the latency of two polls may differ
	d.polled = now
	approved, denied := s.deviceDecision(d)
	switch {
	case now.After(d.expires):
		return nil, "expired_token"
	case early:
		d.interval += 5 * time.Second
		return nil, "slow_down"
	case denied:
		return nil, "access_denied"
	case !approved:
		return nil, "authorization_pending"
	case !s.sameResource(r, d.grant):
		return nil, "invalid_target"
	}
	d.used = true
	return s.issue(d.grant, d.grant.scopes, s.mayRefresh(d.grant)), ""
}

// deviceDecision returns the decision made on the page, or that of Decide;
// s.mu is held.
func (s *Server) deviceDecision(d *device) (approved, denied bool) {
	if !d.decided && s.decision != Ask {
		s.setDecision(d, s.decision == Approve)
	}
	return d.decided && d.approved, d.decided && !d.approved
}

// setDecision sets the decision of a device login; s.mu is held.
func (s *Server) setDecision(d *device, approved bool) {
	d.decided, d.approved = true, approved
	kind := Denied
	if approved {
		kind = Authorized
	}
	s.record(kind, d.grant.client, "device")
}

// devicePage asks for the user code, RFC 8628 section 3.3.
func (s *Server) devicePage(w http.ResponseWriter, r *http.Request) {
	show(w, http.StatusOK, pageContent{Action: "/device", UserCode: r.FormValue("user_code")})
}

// decideDevice handles the form of the device page.
func (s *Server) decideDevice(w http.ResponseWriter, r *http.Request) {
	asked := strings.ToUpper(strings.TrimSpace(r.PostFormValue("user_code")))
	s.mu.Lock()
	found := false
	for _, d := range s.devices {
		if d.userCode == asked && !d.decided && time.Now().Before(d.expires) {
			s.setDecision(d, r.PostFormValue("decision") == "approve")
			found = true
		}
	}
	s.mu.Unlock()
	if !found {
		showMessage(w, http.StatusBadRequest, "No device waits with this code.")
		return
	}
	showMessage(w, http.StatusOK, "Done. Go back to your device.")
}
