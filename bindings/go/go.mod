// The path is that of packaging/publisher. As long as it ends in .example nothing is published: README.md has a replace line.
module libreflink.example/reflink

go 1.19
