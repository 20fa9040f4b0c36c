// Trees.

package reflink

// The numbers of trees, as C has them.
const (
	// make header: go-values REFLINK_MERGE REFLINK_TREE_* REFLINK_ENTRY_* REFLINK_TAKE REFLINK_LEAVE_OUT REFLINK_TAKE_EMPTY REFLINK_STOP REFLINK_SKIP REFLINK_PHASE_*
	numberMerge           = 0x40
	numberSplitLinks      = 0x10000000000
	numberSkipSpecial     = 0x20000000000
	numberOneMount        = 0x40000000000
	numberTwoRenames      = 0x80000000000
	numberFlushSource     = 0x100000000000
	numberKeepExisting    = 0x200000000000
	numberKeepReplaced    = 0x800000000000
	numberIncomplete      = 0x10
	numberFile            = 1
	numberDirectory       = 2
	numberSymlink         = 3
	numberFifo            = 4
	numberSocket          = 5
	numberCharacterDevice = 6
	numberBlockDevice     = 7
	numberWhiteout        = 8
	numberTake            = 0
	numberLeaveOut        = 1
	numberTakeEmpty       = 2
	numberStop            = 0
	numberSkip            = 1
	numberCopy            = 1
	numberSync            = 2
	numberCleanup         = 3
	// make header: end
)
