# Start-up file of csh(1).
alias h		history 25
alias ll	ls -lAF
umask 22
set path = (/sbin /bin /usr/sbin /usr/bin /usr/local/sbin /usr/local/bin $HOME/bin)
setenv	EDITOR	vi
setenv	PAGER	less
