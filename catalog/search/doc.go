// Package search ranks tools by how well they fit what is asked for in words.
package search
