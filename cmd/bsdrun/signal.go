package main

import "syscall"

// terminate is the polite kill; it interrupts a run as Ctrl-C does.
const terminate = syscall.SIGTERM

// brokenPipe tells that nobody reads what we write.
const brokenPipe = syscall.SIGPIPE
