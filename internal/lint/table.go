package lint

import "slices"

// rules is the table: one row a rule, in the order of the documentation. The
// rows stand next to the functions of their topic.
var rules = slices.Concat(
	baseRules,           // CD0xx: base images, stages, the shape of the file
	userRules,           // CD1xx: users and what they may do
	secretRules,         // CD2xx: secrets, and what is fetched from elsewhere
	packageRules,        // CD3xx: package managers of distributions
	languageRules,       // CD33x: package managers of languages
	fileRules,           // CD4xx: COPY, ADD, WORKDIR
	processRules,        // CD5xx: CMD, ENTRYPOINT, EXPOSE, HEALTHCHECK
	labelRules,          // CD6xx: LABEL, ENV
	variableRules,       // CD613: variables
	shellRules,          // CD7xx: the shell of RUN
	scriptRules,         // CD707 to CD714: its text
	serviceRules,        // CS1xx: what runs an image may do
	deployedSecretRules, // CS127…: secrets in what runs an image
	podSecurityRules,    // the Pod Security Standards, as far as the rows above do not have them
	deploymentRules,     // CS2xx: what runs an image should have
	workflowRules,       // CW1xx: images in CI
)
