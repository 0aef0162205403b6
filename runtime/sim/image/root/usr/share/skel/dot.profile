# Start-up file of sh(1) login shells.
EDITOR=vi;	export EDITOR
PAGER=less;	export PAGER
ENV=$HOME/.shrc; export ENV
