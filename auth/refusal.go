package auth

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"mcpproxy/auth/vault"
)

// An answerFact is what an error response says of itself.
type answerFact struct {
	code       string // of OAuth, "" if there is none
	status     int
	retryAfter time.Duration
	words      string // its description, or the first ones of its body
}

// factOf returns what an error response says, if err is one.
func factOf(err error) (f answerFact, ok bool) {
	if e, ok := errors.AsType[*OAuthError](err); ok {
		return answerFact{e.Code, e.Status, e.RetryAfter, e.Description}, true
	}
	if e, ok := errors.AsType[*HTTPError](err); ok {
		return answerFact{"", e.Status, e.RetryAfter, e.Words}, true
	}
	return f, false
}

// isRefusal reports whether the answer err to a refresh refuses the refresh
// token or the client. Many servers do so in other words than invalid_grant:
// with another code, with an error in a success, or in plain text.
func isRefusal(err error) bool {
	f, answered := factOf(err)
	if !answered || AsksToWait(err) {
		return false
	}
	switch f.status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		return true
	}
	return f.isDefinite() || f.code != "" && f.status >= 200 && f.status <= 299
}

// endsLogin reports whether the answer err to the code of a login decides it.
// That is every answer that does not ask to wait: a code that may be used up is
// not sent again, and a wrong token endpoint stays wrong.
func endsLogin(err error) bool {
	_, answered := factOf(err)
	return answered && !AsksToWait(err)
}

// isDefinite reports whether the code leaves no doubt, even beside a
// Retry-After that some gateway adds to every error.
func (f answerFact) isDefinite() bool { return f.code == invalidGrant || f.code == invalidClient }

// waitCodes are the error codes that ask to come again later, in lower case
// and without what separates their words. Only two of them are of OAuth.
var waitCodes = []string{
	"temporarilyunavailable", "servererror",
	"slowdown", "toomanyrequests", "toomanyattempts", "ratelimit", "ratelimited", "ratelimitexceeded", "ratelimitreached",
	"requestlimitexceeded", "quotaexceeded", "limitexceeded", "resourceexhausted",
	"throttled", "throttling", "throttlingexception", "toomanyrequestsexception", "limitexceededexception",
	"unavailable", "serviceunavailable", "internalerror", "internalservererror", "tryagainlater", "retrylater", "timeout",
}

// AsksToWait reports whether err is an answer of an authorization server that
// asks to come again later, so that it decides nothing.
func AsksToWait(err error) bool {
	f, answered := factOf(err)
	switch {
	case !answered:
		return false
	case f.status == http.StatusTooManyRequests, f.status == http.StatusRequestTimeout, f.status == http.StatusTooEarly:
		return true
	case f.isDefinite():
		return false
	}
	if f.status >= 500 || slices.Contains(waitCodes, letters(f.code)) {
		return true
	}
	return f.retryAfter > 0 && !f.saysDead()
}

var (
	dead = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(token|grant).*(expired|revoked|invalid|unknown)|(expired|revoked|invalid|unknown).*(token|grant)`)
	})
	notNow = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)too many|too fast|limit|later`) })
)

// saysDead reports whether the words of an answer call a token or a grant
// expired, revoked, invalid or unknown. That is no reason to come again, even
// beside a Retry-After that some gateway adds to every error, unless the words
// speak of a limit or of later too.
func (f answerFact) saysDead() bool {
	return dead().MatchString(f.words) && !notNow().MatchString(f.words)
}

// letters is s in lower case and without what separates its words.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// The codes in the index for failures without an OAuth error code.
const (
	networkFailure = "network"         // there was no answer
	unusableAnswer = "unusable_answer" // an [*AnswerError]
	httpFailure    = "http_"           // followed by the status of an [*HTTPError]
)

// failureFrom returns what the index keeps of a failed refresh, with which any
// process tells the same as the one that met it. Its words pass through tell, since
// they may quote what was sent.
func failureFrom(err error, endpoint string, tell func(string) string) vault.RefreshFailure {
	answer, _ := factOf(err)
	f := vault.RefreshFailure{RefreshHost: hostOf(endpoint), RefreshWords: answer.words}
	switch e, unusable := errors.AsType[*AnswerError](err); {
	case answer.code != "":
		f.RefreshError = answer.code
	case answer.status != 0:
		f.RefreshError = httpFailure + strconv.Itoa(answer.status)
	case unusable:
		f.RefreshError, f.RefreshWords = unusableAnswer, e.Err.Error()
	default:
		f.RefreshError, f.RefreshWords = networkFailure, err.Error()
	}
	f.RefreshWords = tell(f.RefreshWords)
	return f
}

var errNoAnswer = errors.New("no answer from the authorization server")

// failureOf is the error that the index remembers.
func failureOf(e vault.IndexEntry) error {
	host := cmp.Or(e.RefreshHost, hostOf(e.Issuer))
	if status, err := strconv.Atoi(strings.TrimPrefix(e.RefreshError, httpFailure)); err == nil {
		return &HTTPError{Host: host, Status: status, Words: e.RefreshWords}
	}
	switch e.RefreshError {
	case unusableAnswer:
		return &AnswerError{Host: host, Err: errors.New(cmp.Or(e.RefreshWords, errNoToken.Error()))}
	case networkFailure:
		return errors.New(cmp.Or(e.RefreshWords, errNoAnswer.Error()))
	}
	return &OAuthError{Code: e.RefreshError, Description: e.RefreshWords}
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
	return &NeedsAuthError{Server: server, Reason: reasonOf(e.RefreshError), Scopes: e.Scopes, Err: failureOf(e)}
}
