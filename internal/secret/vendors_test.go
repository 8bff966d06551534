package secret

import (
	"fmt"
	"strings"
	"testing"
)

// vendors are tokens as their vendors describe or hand them out, in the words of
// expand: kinds and numbers of characters. The table knows nothing of the rules'
// expressions; a form that a rule does not know shows here. Each represents a group.
var vendors = []struct{ name, form string }{
	// Clouds.
	{"AWS access key", "AKIA{awsid}"}, {"AWS temporary key", "ASIA{awsid}"},
	{"AWS secret key", "aws_secret_access_key = {b64:40}"}, {"AWS session token", "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2Vj{b64:400}"},
	{"AWS Bedrock", "ABSK{b64:128}"}, {"AWS MWS", "amzn.mws.{uuid}"},
	{"Google API key", "AIzaSy{b64url:33}"}, {"Google OAuth secret", "GOCSPX-{b64url:28}"}, {"Google refresh token", "1//0{b64url:60}"}, {"Google access token", "ya29.a0{b64url:170}"},
	{"Azure storage", "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={b64:86}==;EndpointSuffix=core.windows.net"},
	{"Azure service bus", "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64:43}="},
	{"Entra client secret", "{alnum:3}8Q~{alnum:34}"}, {"Azure DevOps", "{alnum:76}AZDO{alnum:4}"},
	{"DigitalOcean token", "dop_v1_{hex:64}"}, {"DigitalOcean OAuth", "doo_v1_{hex:64}"}, {"DigitalOcean refresh", "dor_v1_{hex:64}"}, {"DigitalOcean Spaces", "DO00{upper:16}"},
	{"Alibaba key id", "LTAI5t{alnum:18}"}, {"Alibaba secret", "ALIBABA_CLOUD_ACCESS_KEY_SECRET={alnum:30}"}, {"Tencent", "AKID{alnum:32}"},
	{"IBM Cloud", "IBM_CLOUD_API_KEY={b64url:44}"}, {"Cloudflare token", "CLOUDFLARE_API_TOKEN={b64url:40}"}, {"Cloudflare global key", "CLOUDFLARE_API_KEY={hex:37}"}, {"Cloudflare origin CA", "v1.0-{hex:24}-{hex:146}"},
	{"Heroku", "HRKU-AA{b64url:58}"}, {"Heroku UUID", "HEROKU_API_KEY={uuid}"}, {"Linode", "LINODE_TOKEN={hex:64}"}, {"Hetzner", "HCLOUD_TOKEN={alnum:64}"}, {"Scaleway", "SCW_SECRET_KEY={uuid}"},
	{"Fly", "FlyV1 fm2_{b64:300}"}, {"Databricks", "dapi{hex:32}"}, {"Vercel", "VERCEL_TOKEN={alnum:24}"}, {"Vercel, with a prefix", "vcp_{alnum:56}"}, {"Vercel API key", "vck_{alnum:56}"}, {"Netlify", "nfp_{alnum:36}"}, {"Render", "rnd_{alnum:32}"}, {"Supabase", "sbp_{hex:40}"},
	{"PlanetScale token", "pscale_tkn_{b64url:43}"}, {"PlanetScale password", "pscale_pw_{b64url:43}"}, {"Yandex API key", "AQVN{b64url:36}"}, {"Deno", "ddp_{alnum:36}"},
	// Forges and packages.
	{"GitHub classic", "ghp_{crc:30}"}, {"GitHub OAuth", "gho_{crc:30}"}, {"GitHub user to server", "ghu_{crc:30}"}, {"GitHub server", "ghs_{crc:30}"}, {"GitHub refresh", "ghr_{crc:70}"},
	{"GitHub fine-grained", "github_pat_11{alnum:20}_{alnum:59}"}, {"GitHub installation", "ghs_15368_{jwt}"},
	{"GitLab personal", "glpat-{b64url:20}"}, {"GitLab routable", "glpat-{b64url:27}.01.{lower:9}"}, {"GitLab deploy", "gldt-{b64url:20}"}, {"GitLab runner", "glrt-{b64url:20}"}, {"GitLab runner of a kind", "glrt-t1_{b64url:20}"}, {"GitLab job", "glcbt-64_{b64url:20}"},
	{"GitLab trigger", "glptt-{hex:40}"}, {"GitLab application", "gloas-{hex:64}"}, {"GitLab feed", "glft-{b64url:20}"}, {"GitLab mail", "glimt-{b64url:25}"}, {"GitLab agent", "glagent-{b64url:50}"}, {"GitLab SCIM", "glsoat-{b64url:20}"}, {"GitLab registration", "GR1348941{b64url:20}"},
	{"Bitbucket app password", "ATBB{alnum:24}{HEX:8}"}, {"Atlassian", "ATATT3xFfGF0{b64url:180}"},
	{"npm", "npm_{crc:30}"}, {"npmrc", "//registry.npmjs.org/:_authToken={uuid}"}, {"PyPI", "pypi-AgEIcHlwaS5vcmc{b64url:150}"}, {"RubyGems", "rubygems_{hex:48}"}, {"NuGet", "oy2{lower:43}"}, {"crates.io", "cio{alnum:32}"}, {"Clojars", "CLOJARS_{lower:60}"},
	{"Docker Hub personal", "dckr_pat_{b64url:27}"}, {"Docker Hub organisation", "dckr_oat_{b64url:32}"}, {"JFrog key", "AKCp8{alnum:68}"}, {"JFrog reference token", "cmVmdGtu{alnum:56}"}, {"Packagist", "packagist_ort_{hex:68}"},
	// Pipelines and operation.
	{"CircleCI", "CCIPAT_{alnum:22}_{hex:40}"}, {"Buildkite", "bkua_{hex:40}"}, {"SonarQube user", "squ_{hex:40}"}, {"SonarQube project", "sqp_{hex:40}"}, {"Harness", "pat.{alnum:22}.{hex:24}.{alnum:20}"}, {"Octopus", "API-{upper:27}"},
	{"LaunchDarkly SDK", "sdk-{uuid}"}, {"Snyk", "SNYK_TOKEN={uuid}"}, {"Terraform Cloud", "{alnum:14}.atlasv1.{alnum:67}"}, {"Pulumi", "pul-{hex:40}"}, {"Vault service", "hvs.{b64url:95}"}, {"Vault batch", "hvb.{b64url:140}"}, {"Vault legacy", "VAULT_TOKEN=s.{alnum:24}"},
	{"Doppler personal", "dp.pt.{alnum:43}"}, {"Doppler service", "dp.st.prd.{alnum:43}"}, {"Infisical", "st.{hex:24}.{hex:32}.{hex:32}"}, {"1Password service account", "ops_eyJ{b64:400}"}, {"1Password secret key", "A3-{upper:6}-{upper:6}-{upper:5}-{upper:5}-{upper:5}-{upper:5}"}, {"age", "AGE-SECRET-KEY-1{bech32:58}"},
	{"Prefect", "pnu_{alnum:36}"}, {"Postman", "PMAK-{hex:24}-{hex:34}"}, {"ReadMe", "rdme_{lower:70}"}, {"Scalingo", "tk-us-{b64url:48}"}, {"Tailscale", "tskey-auth-{alnum:12}CNTRL-{alnum:32}"}, {"ngrok", "authtoken: {alnum:27}_{alnum:21}"}, {"OpenShift", "sha256~{b64url:43}"}, {"Infracost", "ico-{alnum:32}"}, {"Sourcegraph", "sgp_{hex:16}_{hex:40}"},
	// Messages and mail.
	{"Slack bot", "xoxb-{digit:12}-{digit:13}-{alnum:24}"}, {"Slack user", "xoxp-{digit:12}-{digit:12}-{digit:13}-{hex:32}"}, {"Slack app", "xapp-1-A{upper:10}-{digit:13}-{hex:64}"}, {"Slack configuration", "xoxe.xoxp-1-{alnum:163}"}, {"Slack webhook", "https://hooks.slack.com/services/T{upper:10}/B{upper:10}/{alnum:24}"},
	{"Discord bot", "DISCORD_TOKEN=MT{alnum:24}.G{alnum:5}.{b64url:38}"}, {"Discord webhook", "https://discord.com/api/webhooks/{digit:19}/{b64url:68}"}, {"Telegram", "{digit:10}:AA{b64url:33}"}, {"Mattermost", "MATTERMOST_TOKEN={lower:26}"},
	{"Twilio key", "TWILIO_API_KEY=SK{hex:32}"}, {"Twilio token", "TWILIO_AUTH_TOKEN={hex:32}"}, {"SendGrid", "SG.{b64url:22}.{b64url:43}"}, {"Mailgun", "key-{hex:32}"}, {"Mailchimp", "{hex:32}-us12"}, {"Mandrill", "MANDRILL_API_KEY=md-{b64url:22}"}, {"Brevo", "xkeysib-{hex:64}-{alnum:16}"}, {"Resend", "re_{alnum:8}_{alnum:24}"}, {"Postmark", "POSTMARK_SERVER_TOKEN={uuid}"}, {"Intercom", "dG9rOj{b64:54}"},
	// Money.
	{"Stripe live", "sk_live_{alnum:99}"}, {"Stripe restricted", "rk_live_{alnum:99}"}, {"Stripe test", "sk_test_{alnum:24}"}, {"Stripe webhook", "whsec_{alnum:32}"}, {"Square token", "sq0atp-{b64url:22}"}, {"Square secret", "sq0csp-{b64url:43}"}, {"Square access", "EAAA{b64url:60}"},
	{"Braintree", "access_token$production${lower:16}${hex:32}"}, {"Adyen", "AQEyhmfxK{b64:100}"}, {"Plaid", "access-production-{uuid}"}, {"Razorpay", "rzp_live_{alnum:14}"}, {"Flutterwave", "FLWSECK-{hex:32}-X"}, {"Mollie", "MOLLIE_API_KEY=live_{alnum:30}"}, {"EasyPost", "EZAK{alnum:54}"}, {"Shippo", "shippo_live_{hex:40}"}, {"Duffel", "duffel_live_{b64url:43}"}, {"Shopify", "shpat_{hex:32}"}, {"Paddle", "pdl_live_apikey_{lower:26}_{alnum:22}_{alnum:3}"},
	// Models.
	{"OpenAI project", "sk-proj-{b64url:74}T3BlbkFJ{b64url:74}"}, {"OpenAI old", "sk-{alnum:20}T3BlbkFJ{alnum:20}"}, {"OpenAI service account", "sk-svcacct-{b64url:74}T3BlbkFJ{b64url:74}"}, {"Anthropic", "sk-ant-api03-{b64url:93}AA"}, {"Anthropic admin", "sk-ant-admin01-{b64url:93}AA"}, {"Hugging Face", "hf_{letter:34}"}, {"Replicate", "r8_{alnum:37}"}, {"Groq", "gsk_{alnum:52}"}, {"Perplexity", "pplx-{alnum:48}"}, {"xAI", "xai-{alnum:80}"}, {"OpenRouter", "sk-or-v1-{hex:64}"}, {"LangSmith", "lsv2_pt_{hex:32}_{hex:10}"}, {"NVIDIA", "nvapi-{b64url:64}"}, {"Pinecone", "pcsk_{alnum:6}_{alnum:63}"}, {"DeepSeek", "DEEPSEEK_API_KEY=sk-{hex:32}"}, {"Cohere", "COHERE_API_KEY={alnum:40}"}, {"Weights and Biases", "WANDB_API_KEY={hex:40}"}, {"ElevenLabs", "sk_{hex:48}"}, {"Fireworks", "fw_{alnum:24}"}, {"Cerebras", "csk-{lower:48}"},
	// Watching and the rest.
	{"Datadog API", "DATADOG_API_KEY={hex:32}"}, {"Datadog application", "DD_APP_KEY={hex:40}"}, {"New Relic user", "NRAK-{upper:27}"}, {"New Relic licence", "{hex:36}NRAL"}, {"Sentry organisation", "sntrys_eyJ{b64:150}_{b64:43}"}, {"Sentry user", "sntryu_{hex:64}"}, {"Grafana service account", "glsa_{alnum:32}_{hex:8}"}, {"Grafana Cloud", "glc_eyJ{b64:150}"}, {"Dynatrace", "dt0c01.{base32:24}.{base32:64}"}, {"Honeycomb ingest", "hcaik_{lower:58}"}, {"PagerDuty", "PAGERDUTY_API_KEY=u+{b64url:18}"}, {"Splunk HEC", "SPLUNK_HEC_TOKEN={uuid}"}, {"PostHog", "phx_{alnum:43}"}, {"Algolia", "ALGOLIA_ADMIN_API_KEY={hex:32}"}, {"Contentful", "CFPAT-{b64url:43}"}, {"Airtable", "AIRTABLE_API_KEY=pat{alnum:14}.{hex:64}"}, {"Notion", "ntn_{digit:11}{alnum:35}"}, {"Notion old", "secret_{alnum:43}"}, {"Linear", "lin_api_{alnum:40}"}, {"Figma", "figd_{b64url:40}"}, {"HubSpot", "pat-na1-{uuid}"}, {"Typeform", "tfp_{b64url:44}"}, {"Mapbox", "sk.eyJ1{b64url:80}.{b64url:22}"}, {"Facebook", "EAAC{alnum:180}"}, {"Okta", "OKTA_API_TOKEN=00{b64url:40}"}, {"Auth0", "AUTH0_CLIENT_SECRET={b64url:64}"}, {"Frame.io", "fio-u-{b64url:64}"}, {"WakaTime", "waka_{uuid}"}, {"ClickUp", "pk_{digit:8}_{upper:32}"}, {"Confluent", "CONFLUENT_API_SECRET={b64:64}"}, {"Fastly", "FASTLY_API_TOKEN={b64url:32}"}, {"Zendesk", "ZENDESK_API_TOKEN={alnum:40}"}, {"Twitch", "TWITCH_CLIENT_SECRET={lower:30}"}, {"Coinbase", "COINBASE_ACCESS_TOKEN={alnum:64}"}, {"RapidAPI", "RAPIDAPI_KEY={alnum:50}"}, {"Cloudinary", "cloudinary://{digit:15}:{b64url:27}@shop"}, {"Dropbox", "sl.u.{b64url:140}"}, {"Asana", "ASANA_TOKEN=1/{digit:16}:{hex:32}"},
	// The smaller ones.
	{"Cloudflare user token", "cfut_{alnum:40}{hex:8}"}, {"Adobe", "p8e-{alnum:32}"}, {"ClickHouse Cloud", "4b1d{alnum:38}"}, {"42", "s-s4t2ud-{hex:64}"}, {"GitLab feature flags", "glffct-{b64url:20}"}, {"Hugging Face organisation", "api_org_{letter:34}"}, {"MaxMind", "{alnum:6}_{alnum:29}_mmk"}, {"SettleMint", "sm_aat_{alnum:16}"},
	{"Together", "tgp_v1_{b64url:43}"}, {"Langfuse", "sk-lf-{uuid}"}, {"Jina", "jina_{hex:32}{alnum:28}"}, {"Tavily", "tvly-dev-{alnum:32}"}, {"Firecrawl", "fc-{hex:32}"}, {"E2B", "e2b_{hex:40}"}, {"Apify", "apify_api_{alnum:36}"}, {"Neon", "napi_{lower:64}"}, {"Xata", "xau_{alnum:36}"}, {"Polar", "polar_oat_{alnum:43}"},
	{"MailerSend", "mlsn.{hex:64}"}, {"Brevo SMTP", "xsmtpsib-{hex:64}-{alnum:16}"}, {"Vercel Blob", "vercel_blob_rw_{alnum:16}_{alnum:30}"}, {"Unkey", "unkey_{alnum:22}"}, {"Linear OAuth", "lin_oauth_{hex:64}"}, {"Postman collection", "PMAT-{upper:26}"}, {"Prefect service", "pnb_{alnum:36}"}, {"Logfire", "pylf_v1_us_{alnum:43}"}, {"Aiven", "AVNS_{alnum:19}"}, {"Adafruit", "ADAFRUIT_IO_KEY=aio_{alnum:28}"},
	{"Gitea", "GITEA_TOKEN={hex:40}"}, {"Drone", "DRONE_TOKEN={alnum:32}"}, {"Codecov", "CODECOV_TOKEN={uuid}"}, {"Travis", "TRAVIS_TOKEN={b64url:22}"}, {"Jenkins", "JENKINS_API_TOKEN=11{hex:32}"}, {"Discord application", "DISCORD_CLIENT_SECRET={b64url:32}"}, {"Zoom", "ZOOM_CLIENT_SECRET={alnum:32}"}, {"PayPal", "PAYPAL_CLIENT_SECRET=E{b64url:79}"}, {"GoCardless", "GOCARDLESS_ACCESS_TOKEN=live_{b64url:40}"}, {"Elastic", "ELASTIC_API_KEY={b64:60}"}, {"Facebook application", "FACEBOOK_APP_SECRET={hex:32}"}, {"LinkedIn", "LINKEDIN_CLIENT_SECRET={alnum:16}"},
	{"Sumo Logic", "SUMOLOGIC_ACCESS_KEY={alnum:64}"}, {"Lob", "LOB_API_KEY=live_{hex:35}"}, {"MessageBird", "MESSAGEBIRD_API_KEY={alnum:25}"}, {"Etsy", "ETSY_API_KEY={lower:24}"}, {"Kraken", "KRAKEN_API_SECRET={b64:86}=="}, {"KuCoin", "KUCOIN_API_SECRET={uuid}"}, {"Finnhub", "FINNHUB_API_KEY={lower:20}"}, {"Twitter", "TWITTER_API_SECRET={alnum:50}"}, {"Beamer", "BEAMER_API_KEY=b_{b64url:44}"}, {"Bittrex", "BITTREX_API_KEY={hex:32}"}, {"Squarespace", "SQUARESPACE_TOKEN={uuid}"}, {"Sendbird", "SENDBIRD_API_TOKEN={hex:40}"},
	{"Gitter", "GITTER_TOKEN={hex:40}"}, {"FreshBooks", "FRESHBOOKS_ACCESS_TOKEN={hex:64}"}, {"Flickr", "FLICKR_API_KEY={hex:32}"}, {"New York Times", "NYTIMES_API_KEY={alnum:32}"}, {"Finicity", "FINICITY_API_TOKEN={hex:32}"}, {"Meraki", "MERAKI_API_KEY={hex:40}"}, {"Private AI", "PRIVATEAI_TOKEN={hex:32}"}, {"BrowserStack", "BROWSERSTACK_ACCESS_KEY={alnum:20}"}, {"Sauce Labs", "SAUCE_ACCESS_KEY={uuid}"}, {"Infura", "INFURA_API_SECRET={hex:32}"},
	{"Azure function", "{b64url:44}AzFu{b64url:6}=="}, {"Azure container registry", "{alnum:42}+ACR{alnum:6}"}, {"Azure SAS", "https://shop.blob.core.windows.net/c?sv=2022-11-02&sp=rl&se=2031-01-01T00:00:00Z&sig={alnum:40}%3D"}, {"Firebase messaging", "AAAA{b64url:7}:APA91b{b64url:134}"}, {"Zapier hook", "https://hooks.zapier.com/hooks/catch/{digit:7}/{lower:7}/"}, {"Teams hook", "https://shop.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{hex:32}/{uuid}"}, {"Laravel", "APP_KEY=base64:{b64:43}="}, {"Django", "SECRET_KEY='django-insecure-{alnum:50}'"},
	// Forms of standards.
	{"JWT", "{jwt}"}, {"PKCS #8", "-----BEGIN {}PRIVATE KEY-----|{pem:1200}|-----END {}PRIVATE KEY-----"}, {"RSA", "-----BEGIN {}RSA PRIVATE KEY-----|{pem:1200}|-----END {}RSA PRIVATE KEY-----"}, {"EC", "-----BEGIN {}EC PRIVATE KEY-----|{pem:118}|-----END {}EC PRIVATE KEY-----"}, {"OpenSSH", "-----BEGIN {}OPENSSH PRIVATE KEY-----|{openssh:380}|-----END {}OPENSSH PRIVATE KEY-----"}, {"WireGuard", "PrivateKey = {b64:42}A="}, {"Basic", "Authorization: Basic {basic:svc}"}, {"Bearer", "Authorization: Bearer {alnum:40}"}, {"PostgreSQL", "postgres://app:{alnum:16}@db:5432/x"}, {"MongoDB", "mongodb+srv://app:{alnum:16}@c0.example.net/x"}, {"Redis", "redis://:{alnum:20}@cache:6379/0"}, {"AMQP", "amqps://app:{alnum:16}@mq/x"}, {"JDBC", "jdbc:postgresql://db/x?user=app&password={alnum:16}"},
}

// TestVendors measures recall on values made by the vendors' forms, 40 of each, as
// they stand in a file of settings: at least 97 of 100 groups, of which a group counts
// when 95 of 100 of its values are found, and 95 of 100 values.
func TestVendors(t *testing.T) {
	all := defaults(t)
	const each = 40
	groups, values := 0, 0
	for i, v := range vendors {
		found := 0
		for k := range each {
			text := expand(t, v.form, uint64(100_000+1000*i+k))
			if name, _, ok := strings.Cut(text, "="); !ok || strings.ContainsAny(name, " :;/") {
				text = "VALUE=" + text
			}
			if strings.HasPrefix(v.form, "Authorization") || strings.HasPrefix(v.form, "PrivateKey") || strings.HasPrefix(v.form, "aws_") || strings.HasPrefix(v.form, "authtoken") {
				text = strings.TrimPrefix(text, "VALUE=")
			}
			if len(all.find(fmt.Appendf(nil, "# settings\n%s\n", text), "srv/settings.env", false)) > 0 {
				found++
			}
		}
		values += found
		if found*100 >= each*95 {
			groups++
		} else {
			t.Logf("%s: %d of %d found", v.name, found, each)
		}
	}
	t.Logf("%d of %d groups, %d of %d values", groups, len(vendors), values, each*len(vendors))
	if groups*100 < 97*len(vendors) || values*100 < 95*each*len(vendors) {
		t.Error("too few are found")
	}
}
