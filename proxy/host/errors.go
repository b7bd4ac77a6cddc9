package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// plain returns an error of the SDK in words that a host and its model can use.
// The SDK's own quote all of the params, name types of Go and may have no code.
func plain(err error) *jsonrpc.Error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return invalidParams(e)
	}
	// What stands around an error with a code says where in the SDK it arose.
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if _, ok := inner.(*jsonrpc.Error); ok {
			break
		}
		err = inner
	}
	coded, _ := errors.AsType[*jsonrpc.Error](err)
	switch {
	case error(coded) == err:
		return coded
	case errors.Is(err, context.Canceled):
		return &jsonrpc.Error{Code: codeBusy, Message: "the request was cancelled"}
	case errors.Is(err, io.EOF), coded != nil && coded.Code == jsonrpc.CodeParseError, coded != nil && errors.Unwrap(err) != error(coded):
		return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "invalid params"}
	case coded != nil:
		return &jsonrpc.Error{Code: coded.Code, Message: err.Error(), Data: coded.Data}
	}
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: err.Error()}
}

// invalidParams says which member has which type, as JSON calls it.
func invalidParams(e *json.UnmarshalTypeError) *jsonrpc.Error {
	subject := "they"
	if e.Field != "" {
		subject = fmt.Sprintf("%q", e.Field)
	}
	want := "have another type"
	switch t := e.Type; t.Kind() {
	case reflect.String:
		want = "be a string"
	case reflect.Bool:
		want = "be true or false"
	case reflect.Slice, reflect.Array:
		want = "be an array"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		want = "be an object"
	case reflect.Int, reflect.Int64, reflect.Float64:
		want = "be a number"
	}
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf("invalid params: %s must %s", subject, want)}
}
