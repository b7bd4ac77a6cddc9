package auth

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"mcpproxy/auth/vault"
)

// isRefusal reports whether the answer err to a refresh refuses the refresh
// token or the client. Many servers do so in other words than invalid_grant:
// with another code, with an error in a success, or in plain text.
func isRefusal(err error) bool {
	refuses := func(status int) bool {
		return slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}, status)
	}
	if e, ok := errors.AsType[*OAuthError](err); ok {
		switch e.Code {
		case invalidGrant, invalidClient:
			return true
		case serverError, temporarilyUnavailable, slowDown:
			return false
		}
		return refuses(e.Status) || e.Status >= 200 && e.Status <= 299
	}
	e, ok := errors.AsType[*HTTPError](err)
	return ok && refuses(e.Status)
}

// The codes in the index for failures without an OAuth error code.
const (
	networkFailure = "network"         // there was no answer
	unusableAnswer = "unusable_answer" // an [*AnswerError]
	httpFailure    = "http_"           // followed by the status of an [*HTTPError]
)

// failureCode is the code of a failed refresh in the index.
func failureCode(err error) string {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*HTTPError](err); ok {
		return httpFailure + strconv.Itoa(e.Status)
	}
	if isAnswerError(err) {
		return unusableAnswer
	}
	return networkFailure
}

var errNoAnswer = errors.New("no answer from the authorization server")

// failureOf is the error for a code in the index.
func failureOf(code, endpoint string) error {
	if status, err := strconv.Atoi(strings.TrimPrefix(code, httpFailure)); err == nil {
		return &HTTPError{Host: hostOf(endpoint), Status: status}
	}
	switch code {
	case unusableAnswer:
		return &AnswerError{Host: hostOf(endpoint), Err: errNoToken}
	case networkFailure:
		return errNoAnswer
	}
	return &OAuthError{Code: code}
}

// reasonOf is the reason for a login after a refresh failed with code.
func reasonOf(code string) NeedsAuthReason {
	if code == unusableAnswer {
		return Unusable
	}
	return Revoked
}

// needsLoginAgain is the error of a credential that the index says is
// refused.
func needsLoginAgain(server string, e vault.IndexEntry) error {
	return &NeedsAuthError{Server: server, Reason: reasonOf(e.RefreshError), Scopes: e.Scopes, Err: failureOf(e.RefreshError, e.Issuer)}
}
