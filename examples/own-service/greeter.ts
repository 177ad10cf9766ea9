import { authToken, authTokenSecret, http, type ServiceFactory } from "stratiform/openstack";

/** A service of one's own: it answers everybody who holds a token. */
export const greeter: ServiceFactory = (cloud) => ({
  name: "greeter",
  image: "client",
  needs: ["keystone", "memcached"],
  catalog: [{ type: "greeting", port: 8123 }],
  config: { "greeter.conf": { DEFAULT: { greeting: "Good day" }, ...authToken(cloud, "greeter") } },
  secretConfig: (secrets) => ({ "greeter.conf": authTokenSecret(secrets) }),
  files: { "greeter.py": program },
  processes: [
    {
      name: "api",
      command: ["python3", "/etc/greeter/greeter.py"],
      port: 8123,
      readiness: http("/"),
      talksTo: ["edge", "memcached"],
    },
  ],
});

const program = `
from wsgiref.simple_server import make_server
from keystonemiddleware.auth_token import AuthProtocol

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    name = environ.get("HTTP_X_USER_NAME")
    return [f"Good day, {name}\\n".encode() if name else b"Good day\\n"]

make_server("0.0.0.0", 8123, AuthProtocol(application, {
    "oslo_config_project": "greeter", "delay_auth_decision": True,
})).serve_forever()
`;
