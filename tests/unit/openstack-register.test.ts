import * as assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as path from "node:path";

const scripts = path.join(__dirname, "../../components/openstack/scripts");

/** A stand-in for Keystone in which somebody else makes a project at the moment at which we look, or nobody can make any. */
const program = `
import sys
from types import SimpleNamespace as Thing
import register

def raise_from_response(response):
    if response.status_code >= 400:
        raise RuntimeError(response.status_code)
register.exceptions = Thing(raise_from_response=raise_from_response)

class Keystone:
    projects = []
    def get(self, path, params):
        return Thing(status_code=200, json=lambda: {"projects": list(self.projects)})
    def post(self, path, json):
        if "lost" in sys.argv:
            self.projects.append({"id": "theirs", **json["project"]})
        return Thing(status_code=409)

identity = register.Identity(Thing(identity=Keystone()), "dev")
print(identity.make("project", {"description": "x"}, name="service", domain_id="default")["id"])
`;

function run(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program, ...words], {
    encoding: "utf8",
    timeout: 20_000,
    env: {
      PATH: process.env["PATH"],
      PYTHONPATH: [scripts, path.join(__dirname, "fake-openstack")].join(":"),
      PYTHONDONTWRITEBYTECODE: "1",
    },
  });
  return { status, stdout, stderr };
}

describe("registration beside others", () => {
  it("takes the project that another one has just made", () => {
    const { status, stdout, stderr } = run("lost");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^theirs$/m);
  });

  it("fails at a conflict with something that it does not see", () => {
    const { status, stderr } = run();
    assert.equal(status, 1);
    assert.match(stderr, /RuntimeError: 409/);
  });
});
