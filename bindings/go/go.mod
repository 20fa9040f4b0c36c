// The project has no public address yet: .example (RFC 2606) stands in for it. Use it with a replace line (README.md).
module libreflink.example/reflink

go 1.19
