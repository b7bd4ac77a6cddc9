// Package clean makes foreign text harmless: what an upstream wrote is shown to
// people at terminals and to models, and may act on either.
//
// [Text] and [Line] clean all of a text, [FirstSentence] the beginning of a
// description, and [Cut] bounds any text. clean.go goes through a text,
// characters.go knows which characters are dangerous. There is no state and no
// goroutine. Results are valid UTF-8 without anything dangerous. Start reading
// at Text.
package clean
