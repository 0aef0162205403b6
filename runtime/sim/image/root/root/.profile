# Start-up file of sh(1) login shells.
PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:~/bin
export PATH
HOME=/root
export HOME
PAGER=less
export PAGER
ENV=$HOME/.shrc
export ENV
