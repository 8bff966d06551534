package secret

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// forms are ways in which languages and formats say that a name has a value; @@
// is the value.
var forms = []struct{ name, path, text string }{
	{"shell", "run.sh", "export API_TOKEN=@@"},
	{"shell quoted", "run.sh", "API_TOKEN='@@'"},
	{"shell default", "run.sh", `: "${API_TOKEN:=@@}"`},
	{"shell fallback", "run.sh", `curl -H "X: ${API_TOKEN:-@@}"`},
	{"csh", "a.csh", "setenv API_TOKEN @@"},
	{"fish", "a.fish", "set -gx API_TOKEN @@"},
	{"batch", "a.bat", "set API_TOKEN=@@"},
	{"setx", "a.bat", "setx API_TOKEN \"@@\""},
	{"powershell", "a.ps1", "$apiToken = \"@@\""},
	{"powershell env", "a.ps1", "$env:API_TOKEN = '@@'"},
	{"powershell flag", "a.ps1", "Connect-App -ApiToken @@ -Verbose"},
	{"powershell typed", "a.ps1", "[string]$ApiToken = \"@@\""},
	{"make", "Makefile", "API_TOKEN ?= @@"},
	{"make simple", "Makefile", "API_TOKEN := @@"},
	{"dotenv", ".env.local", "API_TOKEN=@@"},
	{"dotenv spaced", ".env", "API_TOKEN = \"@@\" # theirs"},
	{"dockerfile", "Dockerfile", "ENV API_TOKEN @@"},
	{"dockerfile arg", "Dockerfile", "ARG API_TOKEN=@@"},
	{"go", "a.go", "apiToken := \"@@\""},
	{"go back-ticks", "a.go", "const apiToken = `@@`"},
	{"go typed", "a.go", "var apiToken string = \"@@\""},
	{"go field", "a.go", "Config{APIToken: \"@@\"}"},
	{"go bytes", "a.go", "apiToken = []byte(\"@@\")"},
	{"go set", "a.go", "viper.SetDefault(\"api.token\", \"@@\")"},
	{"java", "A.java", "private static final String API_TOKEN = \"@@\";"},
	{"java property", "A.java", "System.setProperty(\"api.token\", \"@@\");"},
	{"java map", "A.java", "m.put(\"apiToken\", \"@@\");"},
	{"java fallback", "A.java", "String apiToken = env.getOrDefault(\"API\", \"@@\");"},
	{"java annotation", "A.java", "@Value(\"${api.token:@@}\")"},
	{"java call", "A.java", "client.setApiToken(\"@@\");"},
	{"kotlin", "a.kt", "val apiToken: String = \"@@\""},
	{"kotlin elvis", "a.kt", "val apiToken = System.getenv(\"API_TOKEN\") ?: \"@@\""},
	{"scala", "a.scala", "val apiToken: String = sys.env.getOrElse(\"API\", \"@@\")"},
	{"c#", "a.cs", "public string ApiToken { get; set; } = \"@@\";"},
	{"c# fallback", "a.cs", "var apiToken = Environment.GetEnvironmentVariable(\"X\") ?? \"@@\";"},
	{"c# verbatim", "a.cs", "const string ApiToken = @\"@@\";"},
	{"rust", "a.rs", "const API_TOKEN: &str = \"@@\";"},
	{"rust fallback", "a.rs", "let api_token = env::var(\"API_TOKEN\").unwrap_or(\"@@\".to_string());"},
	{"c", "a.c", "static const char *api_token = \"@@\";"},
	{"c array", "a.c", "const char api_token[] = \"@@\";"},
	{"c define", "a.h", "#define API_TOKEN \"@@\""},
	{"swift", "a.swift", "let apiToken: String = \"@@\""},
	{"objective-c", "a.m", "NSString *apiToken = @\"@@\";"},
	{"dart", "a.dart", "const String apiToken = '@@';"},
	{"js", "a.js", "const apiToken = '@@'"},
	{"js or", "a.js", "const apiToken = process.env.API_TOKEN || \"@@\";"},
	{"js nullish", "a.js", "const apiToken = process.env.API_TOKEN ?? '@@';"},
	{"js template", "a.js", "headers: { 'X-Api-Token': `@@` }"},
	{"js object", "a.js", "{apiToken:\"@@\",a:1}"},
	{"js header", "a.js", "xhr.setRequestHeader('X-Api-Token', '@@')"},
	{"js index", "a.js", "process.env['API_TOKEN'] = '@@'"},
	{"ts typed", "a.ts", "const apiToken: string = \"@@\";"},
	{"ts optional", "a.ts", "private apiToken?: string = \"@@\";"},
	{"ts field", "a.ts", "readonly apiToken: string | undefined = '@@';"},
	{"python", "a.py", "API_TOKEN = '@@'"},
	{"python typed", "a.py", "API_TOKEN: str = \"@@\""},
	{"python optional", "a.py", "api_token: Optional[str] = '@@'"},
	{"python getenv", "a.py", "API_TOKEN = os.getenv(\"API_TOKEN\", \"@@\")"},
	{"python environ", "a.py", "token = os.environ.get('API_TOKEN', '@@')"},
	{"python index", "a.py", "os.environ['API_TOKEN'] = '@@'"},
	{"python argument", "a.py", "client = Client(api_token='@@')"},
	{"python field", "a.py", "api_token: str = Field(default=\"@@\")"},
	{"python bytes", "a.py", "API_TOKEN = b'@@'"},
	{"python long", "a.py", "API_TOKEN = \"\"\"@@\"\"\""},
	{"python lines", "a.py", "API_TOKEN = (\n    '@@'\n)"},
	{"python argparse", "a.py", "p.add_argument('--api-token', default='@@')"},
	{"ruby", "a.rb", "API_TOKEN = '@@'"},
	{"ruby hash", "a.rb", "{ :api_token => '@@' }"},
	{"ruby symbol", "a.rb", "api_token: '@@'"},
	{"ruby fetch", "a.rb", "ENV.fetch('API_TOKEN') { '@@' }"},
	{"ruby or", "a.rb", "API_TOKEN ||= '@@'"},
	{"php", "a.php", "$apiToken = '@@';"},
	{"php define", "a.php", "<?php define('API_TOKEN', '@@');"},
	{"php array", "a.php", "'api_token' => '@@',"},
	{"php env", "a.php", "'api_token' => env('API_TOKEN', '@@'),"},
	{"php append", "a.php", "$apiToken .= '@@';"},
	{"php putenv", "a.php", "putenv('API_TOKEN=@@');"},
	{"perl", "a.pl", "my $api_token = '@@';"},
	{"perl q", "a.pl", "api_token => \"@@\","},
	{"lua", "a.lua", "local api_token = \"@@\""},
	{"r", "a.R", "Sys.setenv(API_TOKEN = \"@@\")"},
	{"r arrow", "a.R", "api_token <- \"@@\""},
	{"elixir", "a.exs", "config :app, api_token: \"@@\""},
	{"haskell", "a.hs", "apiToken = \"@@\""},
	{"groovy", "a.gradle", "ext.apiToken = '@@'"},
	{"sql", "a.sql", "INSERT INTO conf (name, value) VALUES ('api_token', '@@');"},
	{"xml element", "a.xml", "<apiToken>@@</apiToken>"},
	{"xml lines", "a.xml", "<apiToken>\n    @@\n</apiToken>"},
	{"xml attribute", "a.xml", "<client apiToken=\"@@\"/>"},
	{"xml cdata", "a.xml", "<apiToken><![CDATA[@@]]></apiToken>"},
	{"xml attributes", "a.xml", "<apiToken type=\"x\">@@</apiToken>"},
	{"spring property", "a.xml", "<property name=\"apiToken\" value=\"@@\"/>"},
	{"spring nested", "a.xml", "<property name=\"apiToken\">\n  <value>@@</value>\n</property>"},
	{".net add", "a.config", "<add key=\"ApiToken\" value=\"@@\" />"},
	{".net setting", "a.config", "<setting name=\"ApiToken\" serializeAs=\"String\">\n  <value>@@</value></setting>"},
	{"android string", "a.xml", "<string name=\"api_token\">@@</string>"},
	{"plist", "a.plist", "<key>ApiToken</key>\n\t<string>@@</string>"},
	{"html", "a.html", "<meta name=\"api-token\" content=\"@@\">"},
	{"html input", "a.html", "<input type=\"hidden\" name=\"api_token\" value=\"@@\">"},
	{"json", "a.json", "{\"apiToken\": \"@@\"}"},
	{"json in json", "a.json", "{\"c\": \"{\\\"apiToken\\\": \\\"@@\\\"}\"}"},
	{"json twice", "a.json", "{\"c\": \"{\\\\\\\"apiToken\\\\\\\":\\\\\\\"@@\\\\\\\"}\"}"},
	{"json list", "a.json", "{\"tokens\": [\"@@\"]}"},
	{"json lines", "a.json", "{\"apiToken\":\n  \"@@\"}"},
	{"json arguments", "a.json", "[\"--api-token\", \"@@\"]"},
	{"ecs", "task.json", "{\"name\": \"API_TOKEN\", \"value\": \"@@\"}"},
	{"ecs lines", "task.json", "{\n  \"name\": \"API_TOKEN\",\n  \"value\": \"@@\"\n}"},
	{"postman", "a.json", "{\"key\": \"api_token\", \"type\": \"text\", \"value\": \"@@\"}"},
	{"yaml", "a.yaml", "api_token: @@"},
	{"yaml quoted", "a.yaml", "  api-token: '@@' # x"},
	{"yaml folded", "a.yaml", "apiToken: >-\n  @@"},
	{"yaml literal", "a.yaml", "apiToken: |\n    @@\n"},
	{"yaml list", "a.yaml", "tokens:\n  - @@\n"},
	{"yaml tag", "a.yaml", "api_token: !!str @@"},
	{"yaml anchor", "a.yaml", "api_token: &tok @@"},
	{"kubernetes", "a.yaml", "env:\n- name: API_TOKEN\n  value: \"@@\""},
	{"kubernetes plain", "a.yaml", "env:\n- name: API_TOKEN\n  value: @@"},
	{"compose list", "compose.yaml", "environment:\n  - API_TOKEN=@@"},
	{"arguments list", "a.yaml", "args:\n- --api-token\n- @@"},
	{"toml", "a.toml", "api_token = \"@@\""},
	{"ini", "a.ini", "api_token=@@"},
	{"pip.conf", "pip.conf", "index-url = https://token:@@@pypi.example.com/simple"},
	{"properties", "a.properties", "api.token=@@"},
	{"properties colon", "a.properties", "api.token: @@"},
	{"properties continued", "a.properties", "api.token=\\\n    @@"},
	{"hcl", "a.tf", "api_token = \"@@\""},
	{"hcl default", "a.tf", "variable \"api_token\" {\n  default = \"@@\"\n}"},
	{"hcl pair", "a.tf", "{ name = \"API_TOKEN\", value = \"@@\" }"},
	{"tfvars", "terraform.tfvars", "api_token = \"@@\""},
	{"tfstate", "terraform.tfstate", "\"api_token\": \"@@\","},
	{"flag", "run.sh", "exec app --api-token @@"},
	{"flag equal", "run.sh", "exec app --api-token=@@ -v"},
	{"flag quoted", "run.sh", "app --api-token '@@' -v"},
	{"flag one dash", "run.sh", "app -token @@ -v"},
	{"java flag", "run.sh", "java -Dapi.token=@@ -jar a.jar"},
	{"windows flag", "a.bat", "app.exe /ApiToken:@@"},
	{"continued flag", "run.sh", "app --api-token \\\n  @@"},
	{"user and password", "run.sh", "curl -u robot:@@ https://example.com"},
	{"header", "run.sh", "curl -H 'X-Api-Token: @@' https://example.com"},
	{"header raw", "a.http", "X-Api-Key: @@"},
	{"bearer", "run.sh", "curl -H \"Authorization: Bearer @@\" https://example.com"},
	{"authorization token", "a.py", "headers = {'Authorization': 'Token @@'}"},
	{"query", "a.py", "url = 'https://example.com/x?api_token=@@&y=1'"},
	{"url", "a.conf", "upstream https://robot:@@@example.com/x"},
	{"url of its scheme", "a.conf", "broker stomp+ssl://robot:@@@example.com:61613"},
	{"user in url", "a.conf", "remote https://@@@github.example.com/x.git"},
	{"netrc", ".netrc", "machine example.com login jo password @@"},
	{"pgpass", ".pgpass", "db.example.com:5432:app:jo:@@"},
	{"npmrc", ".npmrc", "//registry.example.com/:_authToken=@@"},
	{"maven", "settings.xml", "<server><id>x</id><username>jo</username><password>@@</password></server>"},
	{"kubeconfig", ".kube/config", "users:\n- name: x\n  user:\n    token: @@"},
	{"docker config", ".docker/config.json", "{\"auths\":{\"x\":{\"identitytoken\":\"@@\"}}}"},
	{"nginx", "nginx.conf", "proxy_set_header X-Api-Token @@;"},
	{"nginx set", "nginx.conf", "set $api_token \"@@\";"},
	{"apache", "httpd.conf", "SetEnv API_TOKEN @@"},
	{"systemd", "a.service", "Environment=\"API_TOKEN=@@\""},
	{"cron", "crontab", "API_TOKEN=@@"},
	{"from literal", "a.sh", "kubectl create secret generic x --from-literal=api-token=@@"},
	{"notebook", "a.ipynb", "\"source\": [\"api_token = '@@'\\n\", \"x\"]"},
	{"notebook double", "a.ipynb", "\"source\": [\"api_token = \\\"@@\\\"\\n\"]"},
	{"workflow", "ci.yml", "  env:\n    API_TOKEN: ${{ secrets.X || '@@' }}"},
	{"sentence", "notes.txt", "api token = @@"},
	{"log", "a.log", "using api_token=@@ for jo"},
	{"git config", ".gitconfig", "[github]\n\ttoken = @@"},
	{"ansible", "a.yml", "- name: x\n  vars:\n    api_token: \"@@\""},
	{"helm", "values.yaml", "auth: {apiToken: @@, user: x}"},
	{"vb", "a.vb", "Dim apiToken As String = \"@@\""},
	{"pascal", "a.pas", "ApiToken := '@@';"},
	{"matlab", "a.m", "apiToken = '@@';"},
	{"julia", "a.jl", "const API_TOKEN = \"@@\""},
	{"clojure", "a.clj", "{:api-token \"@@\"}"},
	{"lisp", "a.el", "(setq api-token \"@@\")"},
	{"tcl", "a.tcl", "set api_token \"@@\""},
	{"nix", "a.nix", "apiToken = \"@@\";"},
	{"cmake", "CMakeLists.txt", "set(API_TOKEN \"@@\")"},
	{"bazel", "BUILD", "env = {\"API_TOKEN\": \"@@\"}"},
	{"proto text", "a.textproto", "api_token: \"@@\""},
	{"graphql", "a.graphql", "login(apiToken: \"@@\")"},
	{"registry", "a.reg", "\"ApiToken\"=\"@@\""},
	{"vault", "a.sh", "vault kv put secret/app api_token=@@"},
	{"swift default", "a.swift", "let apiToken = ProcessInfo.processInfo.environment[\"X\"] ?? \"@@\""},
	{"ternary", "a.js", "const apiToken = dev ? 'none' : '@@'"},
	{"call argument", "a.js", "new Client({ auth: token('@@') })"},
	{"compare", "a.py", "if request.api_token == '@@':"},
	{"go two at once", "a.go", "user, apiToken := \"jo\", \"@@\""},
	{"go header", "a.go", "req.Header.Add(\"Authorization\", \"Bearer @@\")"},
	{"js template header", "a.js", "headers[\"Authorization\"] = `Bearer @@`"},
	{"js template address", "a.js", "fetch(`https://x.example.com/?api_token=@@`)"},
	{"nginx bearer", "nginx.conf", "proxy_set_header Authorization \"Bearer @@\";"},
	{"har", "a.har", "{\"name\": \"authorization\", \"value\": \"Bearer @@\"}"},
	{"kubernetes value first", "a.yaml", "env:\n- value: \"@@\"\n  name: API_TOKEN"},
	{"ecs value first", "task.json", "{\"environment\":[{\"value\":\"@@\",\"name\":\"API_TOKEN\"}]}"},
	{"spring value first", "a.xml", "<property value=\"@@\" name=\"apiToken\"/>"},
	{"cloudformation", "a.yaml", "Parameters:\n  ApiToken:\n    Type: String\n    Default: @@"},
	{"cloudformation json", "a.json", "{\"ApiToken\":{\"Type\":\"String\",\"Default\":\"@@\"}}"},
	{"tfstate output", "terraform.tfstate", "\"api_token\": {\"value\": \"@@\", \"type\": \"string\"}"},
	{"perl hash", "a.pl", "$ENV{API_TOKEN} = '@@';"},
	{"perl q", "a.pl", "my $api_token = q(@@);"},
	{"ruby q", "a.rb", "API_TOKEN = %q(@@)"},
	{"erlang binary", "a.erl", "{api_token, <<\"@@\">>}"},
	{"vue", "a.vue", "<client :api-token=\"'@@'\"/>"},
	{"dart environment", "a.dart", "String.fromEnvironment('API_TOKEN', defaultValue: '@@')"},
	{"emacs", "a.el", "(setenv \"API_TOKEN\" \"@@\")"},
	{"cmake environment", "CMakeLists.txt", "set(ENV{API_TOKEN} \"@@\")"},
	{"make posix", "Makefile", "API_TOKEN ::= @@"},
	{"kotlin build field", "a.kts", "buildConfigField(\"String\", \"API_TOKEN\", \"\\\"@@\\\"\")"},
	{"basic auth", "a.go", "req.SetBasicAuth(\"robot\", \"@@\")"},
	{"secure string", "a.ps1", "ConvertTo-SecureString \"@@\" -AsPlainText -Force"},
	{"az login", "run.sh", "az login --service-principal -u x -p @@ --tenant y"},
	{"curl short flags", "run.sh", "curl -sSu robot:@@ https://x.example.com"},
}

// TestForms wants the value of every form, for ten values drawn by lot each.
func TestForms(t *testing.T) {
	all := defaults(t)
	rng := rand.New(rand.NewPCG(16, 40))
	for _, f := range forms {
		found := 0
		for range 10 {
			value := drawn(rng, "alnum", 32)
			text := strings.ReplaceAll(f.text, "@@", value) + "\n"
			for _, m := range all.find([]byte(text), "srv/"+f.path, false) {
				if strings.Contains(text[m.start:m.end], value) {
					found++
					break
				}
			}
		}
		if found < 9 {
			t.Errorf("%s: %d of 10 found in %s: %s", f.name, found, f.path, f.text)
		}
	}
}

func drawn(rng *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabets[alphabet][rng.IntN(len(alphabets[alphabet]))]
	}
	return string(b)
}

// TestDrawn wants 99 of 100 values drawn from each alphabet, of 20 characters
// and more, plain and behind a prefix of words.
func TestDrawn(t *testing.T) {
	all := defaults(t)
	for _, alphabet := range []string{"hex", "HEX", "lower", "upper", "base32", "alnum", "b64", "b64url"} {
		rng := rand.New(rand.NewPCG(7, 99))
		found, tries := 0, 0
		for _, n := range []int{20, 24, 32, 40, 64, 100} {
			for _, prefix := range []string{"", "packager_org_", "sk-"} {
				for range 150 {
					tries++
					text := `widget_api_token = "` + prefix + drawn(rng, alphabet, n) + "\"\n"
					if len(all.find([]byte(text), "srv/settings.conf", false)) > 0 {
						found++
					}
				}
			}
		}
		t.Logf("%s: %d of %d found", alphabet, found, tries)
		if found*100 < tries*99 {
			t.Errorf("%s: %d of %d found", alphabet, found, tries)
		}
	}
}

// TestWritten wants silence on what people write.
func TestWritten(t *testing.T) {
	for _, value := range []string{
		"replace-me-with-your-own-token", "com.example.security.TokenProviderFactory", "X-Widget-Authorization-Key",
		"shop-backend-client-secret", "current-password-confirmation", "RAILS_SECRET_KEY_BASE", "application/x-www-form-urlencoded",
		"/var/run/secrets/kubernetes.io/serviceaccount/token", "projects/my-project/secrets/api-key-2", "arn:aws:secretsmanager:eu-west-1:secret",
		"sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"AAAAB3NzaC1yc2EAAAADAQABAAABAQC7vbqajDhA", "0000000000000000000000000000", "ffffffffffffffff00000000", "20240102030405060708", "1.22.333.4444-beta.5",
		"getAccessTokenSilentlyOrRedirect", "libvirt-daemon-driver-secret-0", "AbstractSingletonProxyFactoryBean", "Kennwortbestätigung",
		"UserManagedIdentityCredential", "kubernetes.io/service-account-token", "OAuth2ClientCredentialsGrant", "process.env.MY_SERVICE_TOKEN",
		"en-US-u-ca-gregory-nu-latn", "org.springframework.boot.autoconfigure", "window.__INITIAL_STATE__.token", "3.11.0-0ubuntu1~22.04.2",
	} {
		if looksDrawn([]byte(value)) {
			t.Errorf("%q counts as drawn", value)
		}
	}
}

// TestNames wants UUIDs under the names of keys, and nothing under those of
// other things.
func TestNames(t *testing.T) {
	for name, want := range map[string]struct{ tells, uuid bool }{
		"WIDGETCO_API_KEY": {true, true}, "apiKey": {true, true}, "widget_auth_token": {true, true}, "X-Widget-Token": {true, true},
		"WIDGETCO_TENANT_ID": {false, false}, "token": {true, false}, "requestToken": {true, false}, "client_secret": {true, false},
		"publicKeyToken": {false, false}, "secret_name": {false, false}, "tokenUrl": {false, false}, "csrfToken": {false, false}, "tokenHash": {false, false},
		"ACME_CLIENT_SECRET": {true, true}, "acmeAppKey": {true, true}, "acme_license_key": {true, true}, "acmeClientId": {false, false},
		"secretKeyBase": {true, true}, "HTTPToken": {true, true},
	} {
		if tells([]byte(name)) != want.tells || tellsUUID([]byte(name)) != want.uuid {
			t.Errorf("%s: tells %v, of a UUID %v", name, tells([]byte(name)), tellsUUID([]byte(name)))
		}
	}
}
