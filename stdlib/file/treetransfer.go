package file

import (
	"context"
	"path"

	"bsdrun/runtime/effect"
)

// TreeTransferArgs are the arguments of TransferTree.
type TreeTransferArgs struct {
	Path    string      `lua:"path,required" doc:"absolute path of a directory on this host"`
	Host    effect.Doer `lua:"host,required" doc:"the host that receives it"`
	To      string      `lua:"to,pos" doc:"absolute path there; default: the same"`
	Delete  bool        `lua:"delete" doc:"remove there what this host does not have"`
	Exclude []string    `lua:"exclude" doc:"shell patterns for names that are left alone on both hosts, with all below them"`
	Owner   string      `lua:"owner" doc:"user by name; default: as it is here, if we are root there"`
	Group   string      `lua:"group" doc:"group by name; default: as it is here, if we are root there"`
}

// TransferTree makes a tree of another host what it is here, through the
// controller, which keeps nothing of it.
func TransferTree(ctx context.Context, h effect.Doer, a TreeTransferArgs) (Synced, error) {
	const op = "file.tree.transfer"
	if a.To == "" {
		a.To = a.Path
	}
	if err := checkPath(op, a.Path); err != nil {
		return unsynced(), err
	}
	if err := checkTree(op, a.To, a.Exclude); err != nil {
		return unsynced(), err
	}
	s := syncing{
		op: op, from: &hostSource{hostTree: &hostTree{op: op, h: h, path: path.Clean(a.Path), exclude: a.Exclude}},
		to:     &hostTree{op: op, h: a.Host, path: path.Clean(a.To), exclude: a.Exclude},
		delete: a.Delete, owner: a.Owner, group: a.Group, exclude: a.Exclude,
	}
	return s.run(ctx)
}
