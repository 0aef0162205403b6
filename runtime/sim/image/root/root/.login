# Start-up file of csh(1) login shells.
