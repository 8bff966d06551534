package catalog

import "strings"

// knownBuilder is one who publishes packages of a distribution's type next to
// those of the distribution.
type knownBuilder struct {
	name string

	// said are what they call themselves in a package's record, in the Release file of
	// a repository or in the user id of a key, in lower case.
	said []string

	// marks are what they put into versions.
	marks []string

	// hosts serve their repositories: a host, or the beginning of host and path.
	hosts []string

	// names begin those of their packages. Where a repository of hosts is
	// configured, a package of such a name is theirs unless its record or its
	// version says that it is the distribution's.
	names []string
}

// knownBuilders is the table, from the documentation and the packages of those
// it names. The first that fits is taken.
func knownBuilders() []knownBuilder {
	w := strings.Fields
	return []knownBuilder{
		{"NodeSource", w("nodesource"), w("nodesource"), w("deb.nodesource.com rpm.nodesource.com"), w("nodejs nsolid")},
		{"PostgreSQL (PGDG)", []string{"postgresql global development group", "apt.postgresql.org"}, w("pgdg"),
			w("apt.postgresql.org apt-archive.postgresql.org download.postgresql.org"), w("postgresql libpq pgbouncer pgbackrest pgpool pgadmin postgis barman")},
		{"deb.sury.org", w("sury.org"), w("deb.sury.org"), w("packages.sury.org"), w("php libapache2-mod-php nginx libnginx apache2")},
		{"MySQL", []string{"mysql release engineering", "mysql-build@oss.oracle.com", "oracle and/or its affiliates"}, nil,
			w("repo.mysql.com"), w("mysql libmysqlclient")},
		{"MariaDB", []string{"mariadb foundation", "mariadb corporation", "mariadb plc", "mariadb developers", "mariadb.com", "mariadb.org"}, w("+maria~ +mariadb~"),
			w("deb.mariadb.org rpm.mariadb.org dlm.mariadb.com mirror.mariadb.org archive.mariadb.org downloads.mariadb.com mirrors.mariadb.org"), w("mariadb libmariadb galera mysql-common")},
		{"Percona", w("percona"), nil, w("repo.percona.com"), w("percona proxysql pmm")},
		{"MongoDB", w("mongodb"), nil, w("repo.mongodb.org repo.mongodb.com"), w("mongodb mongosh")},
		{"Elastic", w("elastic.co elasticsearch"), nil, w("artifacts.elastic.co"), w("elasticsearch kibana logstash filebeat metricbeat packetbeat heartbeat auditbeat apm-server elastic-")},
		{"Grafana", w("grafana"), nil, w("apt.grafana.com rpm.grafana.com packages.grafana.com"), w("grafana loki promtail tempo mimir alloy")},
		{"HashiCorp", w("hashicorp"), nil, w("apt.releases.hashicorp.com rpm.releases.hashicorp.com"), w("consul vault terraform nomad packer boundary waypoint vagrant")},
		{"nginx.org", []string{"nginx packaging", "nginx-packaging@", "nginx.com", "nginx, inc", "nginx inc", "unit-packaging"}, w(".ngx"),
			w("nginx.org packages.nginx.org pkgs.nginx.com pkgs-test.nginx.com"), w("nginx unit app-protect")},
		{"Docker", []string{"docker.com", "containerd.io", "docker, inc", "docker inc"}, w("~debian. ~ubuntu."), w("download.docker.com"), w("docker containerd.io")},
		{"Kubernetes", []string{"kubernetes.io", "kubernetes authors", "isv:kubernetes"}, nil, w("pkgs.k8s.io prod-cdn.packages.k8s.io apt.kubernetes.io"), w("kube cri- kubernetes-")},
		{"Google", []string{"google ", "chromium.org"}, nil, w("dl.google.com packages.cloud.google.com"), w("google- chrome- gcsfuse kube")},
		{"Microsoft", []string{"microsoft", "dotnetfoundation.org", "powershellteam@"}, nil, w("packages.microsoft.com"),
			w("dotnet aspnetcore netstandard powershell msodbcsql mssql azure-cli microsoft- moby- blobfuse procdump")},
		{"GitHub", []string{"github, inc", "@github.com"}, nil, w("cli.github.com"), w("gh")},
		{"GitLab", w("gitlab"), nil, w("packages.gitlab.com"), w("gitlab")},
		{"Jenkins", w("kk@kohsuke.org jenkins.io"), nil, w("pkg.jenkins.io pkg.jenkins-ci.org pkg.origin.jenkins.io"), w("jenkins")},
		{"InfluxData", w("influxdata influxdb.com"), nil, w("repos.influxdata.com"), w("influxdb telegraf chronograf kapacitor")},
		{"Redis", []string{"redis.io", "redis.com", "redislabs", "redis ltd"}, nil, w("packages.redis.io"), w("redis")},
		{"RabbitMQ", w("rabbitmq.com"), nil, w("ppa1.rabbitmq.com ppa2.rabbitmq.com deb1.rabbitmq.com deb2.rabbitmq.com dl.cloudsmith.io/public/rabbitmq packagecloud.io/rabbitmq"), w("rabbitmq erlang")},
		{"Erlang Solutions", []string{"erlang-solutions", "erlang solutions"}, nil, w("packages.erlang-solutions.com binaries2.erlang-solutions.com"), w("erlang esl-erlang elixir")},
		{"Varnish Software", w("varnish-software"), nil, w("packagecloud.io/varnishcache"), w("varnish")},
		{"OpenResty", w("openresty"), nil, w("openresty.org"), w("openresty")},
		{"Caddy", []string{"matthew holt", "caddyserver.com"}, nil, w("dl.cloudsmith.io/public/caddy"), w("caddy")},
		{"Amazon", w("amazon.com amazon-corretto"), nil, w("apt.corretto.aws yum.corretto.aws"), w("java- amazon-")},
		{"Adoptium", []string{"adoptium", "temurin-dev@", "adoptopenjdk"}, nil, w("packages.adoptium.net"), w("temurin adoptopenjdk")},
		{"Azul", []string{"azul.com", "azulsystems.com", "azul systems"}, nil, w("repos.azul.com"), w("zulu")},
		{"Yarn", w("yarn@dan.cx yarnpkg"), nil, w("dl.yarnpkg.com"), w("yarn")},
		{"Confluent", w("confluent"), nil, w("packages.confluent.io"), w("confluent librdkafka")},
		{"ClickHouse", w("clickhouse.com"), nil, w("packages.clickhouse.com"), w("clickhouse")},
		{"Neo4j", w("neo4j"), nil, w("debian.neo4j.com yum.neo4j.com"), w("neo4j cypher-shell")},
		{"Datadog", w("datadoghq.com datadog"), nil, w("apt.datadoghq.com yum.datadoghq.com"), w("datadog")},
		{"New Relic", []string{"newrelic", "new relic"}, nil, w("download.newrelic.com"), w("newrelic")},
		{"Zabbix", w("zabbix.com"), nil, w("repo.zabbix.com"), w("zabbix")},
		{"Puppet", w("puppet.com puppetlabs"), nil, w("apt.puppet.com apt.puppetlabs.com yum.puppet.com yum.puppetlabs.com"), w("puppet")},
		{"Cloudflare", w("cloudflare"), nil, w("pkg.cloudflare.com"), w("cloudflare")},
		{"Tailscale", w("tailscale"), nil, w("pkgs.tailscale.com"), w("tailscale")},
		{"HAProxy (haproxy.debian.net)", nil, nil, w("haproxy.debian.net"), w("haproxy")},
		{"Remi", w("remirepo"), w(".remi"), w("rpms.remirepo.net"), nil},
		{"EPEL", w("(epel"), nil, w("dl.fedoraproject.org/pub/epel download.fedoraproject.org/pub/epel"), nil},
		{"ELRepo", w("elrepo"), w(".elrepo"), nil, nil},
		{"IUS", w("ius.io"), w(".ius"), nil, nil},
		{"RPM Fusion", []string{"rpm fusion", "rpmfusion"}, w(".rpmfusion"), nil, nil},
		{"COPR", nil, w(".copr"), w("download.copr.fedorainfracloud.org"), nil},
		{"a PPA", nil, w("+ppa ~ppa"), w("ppa.launchpad.net ppa.launchpadcontent.net"), nil},
	}
}

// builders is the table while packages are named.
type builders []knownBuilder

// marked is the builder whose mark a version has, "" for none.
func (all builders) marked(version string) string {
	version = strings.ToLower(version)
	for i := range all {
		for _, mark := range all[i].marks {
			if strings.Contains(version, mark) {
				return all[i].name
			}
		}
	}
	return ""
}

// called is the builder of whom a text in lower case speaks, "" for none.
func (all builders) called(lower string) string {
	for i := range all {
		for _, word := range all[i].said {
			if strings.Contains(lower, word) {
				return all[i].name
			}
		}
	}
	return ""
}

// serving returns the builder at whose repository an address points, nil for none.
func (all builders) serving(address string) *knownBuilder {
	for i := range all {
		for _, host := range all[i].hosts {
			if rest, ok := strings.CutPrefix(address, host); ok && (rest == "" || rest[0] == '/') {
				return &all[i]
			}
		}
	}
	return nil
}
