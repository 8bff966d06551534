package image

// Kind is where an image comes from or goes to, in the words of TARGET.
type Kind string

// The kinds.
const (
	KindRegistry      Kind = "registry"
	KindDocker        Kind = "docker"
	KindPodman        Kind = "podman"
	KindDockerArchive Kind = "docker-archive"
	KindOCIArchive    Kind = "oci-archive"
	KindOCIDir        Kind = "oci-dir"
	KindDir           Kind = "dir"     // a root directory
	KindArchive       Kind = "archive" // a file or standard input whose content will tell which
	KindSBOM          Kind = "sbom"    // no image: a list of packages
)
