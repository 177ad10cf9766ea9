/**
 * The strata: data flows one way, bottom up. A stratum may use those below it and the kit, never those above.
 * Below, `forbidden` is generated from this one list.
 */
const strata = ["cluster", "platform", "backing", "openstack", "operations"];

const upwards = strata.slice(0, -1).map((stratum, index) => ({
  name: `${stratum}-uses-nothing-above`,
  severity: "error",
  from: { path: `^components/${stratum}/` },
  to: { path: `^components/(${strata.slice(index + 1).join("|")})/` },
}));

module.exports = {
  forbidden: [
    ...upwards,
    {
      name: "kit-uses-no-stratum",
      severity: "error",
      from: { path: "^components/kit/" },
      to: { path: `^components/(?!kit/)` },
    },
    {
      name: "components-stand-alone",
      comment: "The package knows neither the program's configuration nor the lab nor the tests.",
      severity: "error",
      from: { path: "^components/" },
      to: { path: "^(index\\.ts|config/|images/|lab/|tests/|tools/)" },
    },
    {
      name: "plugin-is-only-started",
      comment:
        "Importing it would start a plugin server. It is what components/package.json names as main, for Pulumi.",
      severity: "error",
      from: { path: ".", pathNot: "^components/plugin\\.ts$" },
      to: { path: "^components/plugin\\.ts$" },
    },
    {
      name: "config-uses-components-only",
      severity: "error",
      from: { path: "^config/" },
      to: { path: "^(index\\.ts|images/|lab/|tests/|tools/)" },
    },
    {
      name: "program-sees-no-lab",
      severity: "error",
      from: { path: "^index\\.ts$" },
      to: { path: "^(images/|lab/|tests/|tools/)" },
    },
    {
      name: "lab-supplies-hosts-only",
      comment:
        "The lab may know versions and argument types. It is not a second implementation. What operates a cloud is handed on.",
      severity: "error",
      from: { path: "^lab/" },
      to: {
        path: "^(index\\.ts|tests/|config/|components/(?!cluster/(versions|args)\\.ts$|kit/release\\.ts$|operations/))",
      },
    },
    {
      name: "toolchain-knows-no-images",
      severity: "error",
      from: { path: "^lab/toolchain/" },
      to: { path: "^images/" },
    },
    {
      name: "images-use-toolchain-and-kit",
      comment: "And the way the lab speaks to the terminal, and the Kubernetes version that a release states.",
      severity: "error",
      from: { path: "^images/" },
      to: {
        path: "^(index\\.ts|config/|tests/|tools/|lab/(?!toolchain/|(error|report)\\.ts$)|components/(?!kit/|cluster/versions\\.ts$))",
      },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "nothing-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(node_modules|dist)/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
  },
};
