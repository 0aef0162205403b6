# Five verbs, each a command that a newcomer could type.

.PHONY: build test e2e gen lint

build:
	CGO_ENABLED=0 go build -trimpath -o bsdrun ./cmd/bsdrun

test:
	go test ./...

e2e:
	go test ./tests/...

gen:
	go generate ./...

lint:
	go vet ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2 run
