package cli

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/search"
)

// searchFlags are the flags of careen db search.
type searchFlags struct {
	file      string
	format    string
	pkg       string
	ecosystem string
	version   string
}

func (c *command) dbSearchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Find advisories by id, package, or package URL",
		Long: `Search says what the database knows of QUERY: an id that anyone gave a
vulnerability (CVE, GHSA, DSA, RHSA, GO…), the name of a package, or a package
URL. With a version, as in the URL or by --version, it says which advisories
affect that version, by the rules of a scan.`,
		Example: `  careen db search CVE-2023-0286
  careen db search minimist --ecosystem npm --version 0.0.8
  careen db search pkg:deb/debian/openssl@3.0.11-1~deb12u1?distro=debian-12`,
		Args: takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error { return c.dbSearch(f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "db", "", "the database to search (default the one that a scan would use)")
	flags.StringVarP(&f.format, "format", "f", "table", "table or json")
	flags.StringVar(&f.pkg, "package", "", "advisories on the package of this name")
	flags.StringVar(&f.ecosystem, "ecosystem", "", "only of this ecosystem, such as npm, Debian or Debian:12")
	flags.StringVar(&f.version, "version", "", "say which advisories affect this version of the package")
	return cmd
}

func (c *command) dbSearch(f searchFlags, args []string) error {
	if f.format != "table" && f.format != "json" {
		return fmt.Errorf("--format %s: one of table, json", f.format)
	}
	query := f.pkg
	if len(args) == 1 {
		query = args[0]
	}
	switch {
	case query == "":
		return errors.New("nothing to search for; give an id, a package's name or a package URL")
	case f.pkg != "" && strings.HasPrefix(query, "pkg:"):
		return errors.New("a package URL and --package: one of them is enough")
	}
	cacheDir, err := c.cache()
	if err != nil {
		return err
	}
	db, err := c.openDatabase(cacheDir, databaseFlags{file: f.file, maxAge: "0"})
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := search.Find(db, query, search.Options{Package: f.pkg, Ecosystem: f.ecosystem, Version: f.version})
	if err != nil {
		return err
	}
	if f.format == "json" {
		return c.printJSON(result)
	}
	return c.printSearch(result)
}

// printSearch prints the table. With a version only the statements that
// affect it, or that cannot be told to, are rows.
func (c *command) printSearch(r *search.Result) error {
	if len(r.Vulnerabilities) == 0 && len(r.Records) == 0 && len(r.Statements) == 0 {
		c.note("nothing known of %s", escape(r.Query))
		return nil
	}
	for _, v := range r.Vulnerabilities {
		fmt.Fprintln(c.stdout, vulnLine(v))
	}
	for _, rec := range r.Records {
		if rec.Withdrawn {
			fmt.Fprintf(c.stdout, "%s was withdrawn by its publisher (%s): it matches nothing\n", rec.ID, rec.Source)
		}
	}
	var rows []search.Statement
	ids, affecting := map[string]bool{}, map[string]bool{}
	for _, st := range r.Statements {
		ids[st.Advisory] = true
		if st.Affected == nil || *st.Affected {
			rows = append(rows, st)
			affecting[st.Advisory] = true
		}
	}
	if len(rows) > 0 {
		w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
		if len(r.Vulnerabilities) > 0 || len(r.Records) > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, "ADVISORY\tVULNERABILITY\tSEVERITY\tECOSYSTEM\tPACKAGE\tAFFECTED\tFIX")
		for _, st := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", st.Advisory, few(st.Vulnerabilities, ", "), st.Severity, st.Ecosystem, escape(st.Package), affectedText(st), searchFixText(st))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if r.Version != "" {
		fmt.Fprintf(c.stdout, "%d of %d advisories affect version %s\n", len(affecting), len(ids), escape(r.Version))
	}
	return nil
}

func vulnLine(v search.Vulnerability) string {
	line := fmt.Sprintf("%s  %s", v.ID, v.Severity)
	if v.SeveritySource != "" {
		line += " (" + v.SeveritySource + ")"
	}
	if v.EPSS != nil {
		line += fmt.Sprintf("  EPSS %.3f", v.EPSS.Score)
	}
	if v.KEV {
		line += "  known to be exploited (CISA" + kevText(v.Exploited) + ")"
	}
	if v.Rejected {
		line += "  REJECTED by the CVE Program"
	}
	if len(v.Aliases) > 0 {
		line += "  also " + strings.Join(v.Aliases, ", ")
	}
	return line
}

func kevText(k *search.KEV) string {
	text := ""
	if k.Due != "" {
		text += ", to be fixed by " + k.Due
	}
	if k.Ransomware {
		text += ", used by ransomware"
	}
	return text
}

func affectedText(st search.Statement) string {
	var text string
	switch {
	case st.Matched != "":
		text = st.Matched
	case len(st.Ranges) > 0:
		text = few(st.Ranges, " or ")
	case len(st.Versions) > 0:
		text = few(st.Versions, ", ")
	case st.Fix == finding.NotAffected:
		text = "no version"
	default:
		text = "all versions"
	}
	if st.Version != "" && st.Affected == nil {
		text += " (cannot be compared)"
	}
	return escape(text)
}

func searchFixText(st search.Statement) string {
	if len(st.FixedIn) > 0 && (st.Fix == finding.Fixed || st.Fix == "") {
		return escape(few(st.FixedIn, ", "))
	}
	return string(st.Fix)
}

// few joins a list and says how many it leaves out.
func few(list []string, by string) string {
	const shown = 3
	if len(list) <= shown+1 {
		return strings.Join(list, by)
	}
	return fmt.Sprintf("%s%s… (%d)", strings.Join(list[:shown], by), by, len(list))
}
