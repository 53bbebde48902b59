package servicefile

// What a draft says beyond what it is drafted from. A line that begins with # and
// no space is a key that is switched off: without the sign it counts.

const draftService = `  # Lines that begin with # and no space are switched off and show what there is.
  #description: What it is for, in a sentence
  #owner: Who looks after it
  #source: https://git.example/web
  #docs: https://docs.example/web
  #release: 1.4.0 # what it is called; without this line git tells
  #protocol: http # or h2c, grpc, https, tcp
  check: {tcp: true} # better, where it has a path that tells how it is: {http: /health}
  #settle: 2s # how long all checks must pass without a break
  #timeout: 1m # until all of them must have passed
  #drain: 30s # how long the last requests may stay on the old colour

  # What leads to it, beside its name below the routers' domain.
  #routes: [shop.example.com/, /shop]
  #tcp: [{sni: db.example.com}]
  #preview: [{header: X-Beta, value: "1"}] # some users see the next release first
  #traffic: {max_body: 10MB, timeouts: {request: 2m}} # how requests are treated

  # What a release must come through. teal test tries the image by itself; the others
  # come between the checks and the flip, and whoever fails there fails the deployment.
  #selftest: {command: [/app, self-test]}
  #tasks: [{name: migrate, command: [/app, migrate], reversible: true, undo: [/app, migrate, down]}]
  #smoke: [{path: /, status: 200, within: 2s}]
  #gates: [{name: quality, url: "https://quality.example/api/gate", field: passed, token: QUALITY_TOKEN}]
  #test: {command: [make, smoke]} # finds the release at TEAL_PREVIEW_URL; with image: in a container

  # How users meet it: step by step, and watched for a while after the flip.
  #canary: {steps: [5, 25, 100], pause: 1m, max_error_rate: 1%, max_p95: 500ms, min_requests: 20}
  #bake: {for: 5m, max_error_rate: 1%, max_p95: 500ms, min_requests: 20}

  # Who is told how it went; the variable holds the address.
  #notify: [{kind: slack, variable: SLACK_WEBHOOK, when: change}]

`

const draftOthers = `  # Each colour has parts and volumes of its own. A part that both share, such as a
  # database, says so above, in its own section: x-teal: {scope: shared}

`

const draftEnvironment = `      # or those that registrators record with all these labels: {select: {role: web}}
      replicas: 1 # on each host
      #coloured: true # with false one target only, replaced in place with a short outage
      #at_least: 1 # hosts that must answer; all of them without this line
      #batch: 1 # hosts that are brought up at a time; all of them without this line
      #requires: integration # where the very same images must be live first
      #approval: {within: 24h, then: abort} # somebody must say teal approve before the flip
      #registry: registry.example:5000 # where its hosts pull the service's own images from
      #standby: stopped # the old colour's containers once the new release has proved itself
      #keep: 5 # releases that stay, live and standby among them
      #secrets: {db_password: {variable: DB_PASSWORD}} # of those at the top of the file
      # smoke, gates, test, canary, bake and notify may be said here again; none is for none
      #canary: none
`
