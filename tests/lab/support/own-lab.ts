import { type LabOptions, labDown, labUp } from "../../../lab/lab";
import { TerminalReporter } from "../../../lab/report";
import { Site } from "./site";
import { assertSame, type Snapshot } from "./snapshot";

/** A lab for one group of tests. */
export interface OwnLab {
  /** The lab, within tests and hooks. */
  site(): Site;
  /** Fails unless a host, named in the stack file or not, is as it was before the first deployment. */
  assertBareHost(name: string): Promise<void>;
  /** Fails unless every host of the stack file is as it was before the first deployment. */
  assertBare(): Promise<void>;
  /** Takes the cluster away and fails unless that leaves bare hosts. */
  destroy(): Promise<void>;
}

/** Makes a lab before the tests of the group that calls this, and takes it away after them. */
export function ownLab(options: LabOptions & { name: string }): OwnLab {
  let site: Site | undefined;
  let bare: Map<string, Snapshot> | undefined;
  const found = (): Site => {
    if (!site) {
      throw new Error(`lab ${options.name} is there in tests and hooks only`);
    }
    return site;
  };
  const assertBareHost = async (name: string): Promise<void> =>
    assertSame(name, bare?.get(name) ?? new Map(), await found().snapshot(name));
  const assertBare = async (): Promise<void> => {
    await Promise.all(found().hosts.map(assertBareHost));
  };

  before(`lab ${options.name}`, async function () {
    this.timeout(3_600_000);
    await labDown(options.name, new TerminalReporter());
    site = new Site(await labUp(options, new TerminalReporter()));
    bare = await site.snapshots(site.hosts);
  });
  after(`lab ${options.name} is taken away`, async function () {
    this.timeout(600_000);
    if (process.env.STRATIFORM_TEST_KEEP_LAB === undefined) {
      await labDown(options.name, new TerminalReporter());
    }
  });

  return {
    site: found,
    assertBareHost,
    assertBare,
    destroy: async () => {
      await found().pulumiOk("destroy", "--yes", "--skip-preview");
      await assertBare();
    },
  };
}
