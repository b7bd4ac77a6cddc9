package mcptool

var ParseSteps = parseSteps
