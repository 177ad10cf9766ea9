import * as assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkOptions } from "../../components/kit/options";
import { optionSources } from "../../images/option-supplement";
import {
  committedOptions,
  compactOptions,
  formatOptions,
  type GeneratedOption,
  optionsFile,
  supplementOptions,
} from "../../images/options";

function option(more: Partial<GeneratedOption>): GeneratedOption {
  return {
    dest: "one",
    name: "one",
    type: "string value",
    choices: [],
    min: null,
    max: null,
    default: null,
    sample_default: null,
    deprecated_for_removal: false,
    deprecated_reason: null,
    deprecated_opts: [],
    ...more,
  };
}

function compact(more: Partial<GeneratedOption>) {
  return compactOptions({ options: { cache: { opts: [option(more)] } } })["cache"];
}

describe("option list from the generator", () => {
  it("says nothing where there is nothing to say", () => {
    assert.deepEqual(compact({}), { one: { type: "string" } });
  });

  it("has kinds, choices, ranges and defaults", () => {
    assert.deepEqual(compact({ type: "floating point value", min: 0, max: 10, default: 0.5 }), {
      one: { type: "float", min: 0, max: 10, default: 0.5 },
    });
    assert.deepEqual(
      compact({
        choices: [
          ["a", null],
          ["b", "help"],
        ],
        default: "a",
      }),
      {
        one: { type: "string", choices: ["a", "b"], default: "a" },
      },
    );
    assert.deepEqual(compact({ type: "boolean value", default: false }), { one: { type: "boolean", default: false } });
  });

  it("has an example where the default is this computer's own", () => {
    assert.deepEqual(compact({ default: "build-host-7", sample_default: "node1" }), {
      one: { type: "string", default: "node1" },
    });
  });

  it("has what is deprecated, and old names as they stand in a file", () => {
    assert.deepEqual(compact({ deprecated_for_removal: true }), { one: { type: "string", deprecated: true } });
    assert.deepEqual(compact({ deprecated_for_removal: true, deprecated_reason: "Not\nused. " }), {
      one: { type: "string", deprecated: "Not used." },
    });
    const old = [
      { group: "DEFAULT", name: "log-file" },
      { group: null, name: "uno" },
      { group: "memcache", name: null },
      { group: null, name: "one" },
    ];
    assert.deepEqual(compact({ deprecated_opts: old }), {
      one: { type: "string", was: ["DEFAULT.log_file", "cache.uno", "memcache.one"] },
    });
  });

  it("names options as they stand in a file, in order", () => {
    const opts = [option({ dest: "watch_log_file", name: "watch-log-file" }), option({ dest: "a" })];
    const list = compactOptions({ options: { z: { opts }, DEFAULT: { opts: [] } } });
    assert.deepEqual(Object.keys(list), ["DEFAULT", "z"]);
    assert.deepEqual(Object.keys(list["z"] ?? {}), ["a", "watch_log_file"]);
  });

  it("refuses a kind of value that it does not know", () => {
    assert.throws(() => compact({ type: "colour value" }), /option one in \[cache\] is a "colour value"/);
  });
});

describe("options that the generator does not list", () => {
  const files = {
    "a.conf": { keystone_authtoken: { auth_type: { type: "string" } }, privsep: { user: { type: "string" } } },
    "b.conf": { DEFAULT: {} },
  };

  it("are added: those of a login, and sections that are read like others", () => {
    const found = supplementOptions(files, { login: ["keystone_authtoken"], alike: { privsep_nova: "privsep" } });
    assert.deepEqual(Object.keys(found["a.conf"] ?? {}), ["keystone_authtoken", "privsep", "privsep_nova"]);
    assert.deepEqual(found["a.conf"]?.["privsep_nova"], files["a.conf"].privsep);
    const login = Object.keys(found["a.conf"]?.["keystone_authtoken"] ?? {});
    for (const name of ["auth_type", "auth_url", "password", "username"]) assert.ok(login.includes(name), name);
    assert.deepEqual(login, [...login].sort());
    assert.deepEqual(found["b.conf"], { DEFAULT: {} });
  });

  it("need the section that they are like", () => {
    assert.throws(
      () => supplementOptions(files, { alike: { a: "privsepp" } }),
      /no section \[privsepp\] that others could be like/,
    );
    assert.throws(() => supplementOptions(files, { named: { "DEFAULT.x": { file: "stores" } } }), /\[stores\]/);
  });
});

describe("option lists of the repository", () => {
  it("are there for every service that has options, and for no other", () => {
    const services = Object.keys(optionSources);
    assert.deepEqual(
      readdirSync(join(optionsFile("any"), "..")).sort(),
      services.map((service) => `${service}.json`).sort(),
    );
  });

  for (const [service, source] of Object.entries(optionSources)) {
    it(`of ${service} is what the generator of this repository writes, one option a line`, async () => {
      const list = await committedOptions(service);
      const text = readFileSync(optionsFile(service), "utf8");
      assert.equal(formatOptions(list), text);
      const sections = Object.values(list.files).flatMap((one) => Object.values(one));
      const options = sections.flatMap(Object.keys);
      assert.ok(options.length > 100, `${options.length} options`);
      assert.ok(
        text.split("\n").length < options.length + 2 * sections.length + 20,
        "more lines than options and sections need",
      );
      assert.ok(!text.includes('"help":') && text.length < 150 * options.length, "not compact");
      assert.deepEqual(Object.keys(list.files), Object.keys(source.files));
      assert.deepEqual(list.dynamic ?? [], source.dynamic ?? []);
      assert.deepEqual(list.named ?? {}, source.named ?? {});
    });
  }

  it("of keystone lets the check see mistakes, and pass what code makes up at run time", async () => {
    const list = await committedOptions("keystone");
    const where = (file: string, section: string, name: string) => `${file} ${section} ${name}`;
    const check = (sections: Record<string, Record<string, string | number | boolean>>) =>
      checkOptions(list, { "keystone.conf": sections }, where);
    assert.deepEqual(check({ token: { expiration: 3600 }, openid: { remote_id_attribute: "X" } }), {
      errors: [],
      warnings: [],
    });
    assert.match(check({ token: { expiraton: 3600 } }).errors.join(), /did you mean `expiration`/);
    assert.match(check({ token: { expiration: "long" } }).errors.join(), /whole number/);
    assert.match(check({ DEFAULT: { logdir: "/x" } }).warnings.join(), /write \[DEFAULT\] log_dir/);
    assert.match(check({ cache: { backend: "redis" } }).errors.join(), /redis/);
  });

  it("of nova and neutron refuse the field's misspelt queue option, naming the right one", async () => {
    for (const service of ["nova", "neutron"]) {
      const list = await committedOptions(service);
      const { errors } = checkOptions(
        list,
        { [`${service}.conf`]: { oslo_messaging_rabbit: { rabbit_quorum_queues: true } } },
        (...place) => place.join(" "),
      );
      assert.match(errors.join(), /did you mean `rabbit_quorum_queue`/);
    }
  });

  it("have what services write to log in, to reach each other and to become root", async () => {
    const written: Record<string, Record<string, string[]>> = {
      placement: {
        keystone_authtoken: ["auth_url", "auth_type", "username", "password", "project_name", "service_token_roles"],
        placement_database: ["connection", "max_pool_size"],
      },
      glance: {
        keystone_authtoken: ["username", "user_domain_name"],
        os_glance_staging_store: ["filesystem_store_datadir"],
        paste_deploy: ["flavor"],
      },
      neutron: {
        keystone_authtoken: ["username"],
        DEFAULT: [
          ...["api_workers", "core_plugin", "dns_domain", "global_physnet_mtu", "rpc_workers", "service_plugins"],
          ...["notify_nova_on_port_data_changes", "state_path", "transport_url", "use_stderr"],
        ],
        nova: ["auth_url", "endpoint_type", "password"],
        placement: ["auth_url", "endpoint_type", "password"],
        privsep: ["helper_command"],
        oslo_messaging_rabbit: ["rabbit_quorum_queue", "rabbit_stream_fanout", "rabbit_transient_quorum_queue"],
      },
      nova: {
        DEFAULT: [
          ...["compute_driver", "host", "instances_path", "my_ip", "reserved_host_memory_mb", "state_path"],
          ...["resume_guests_state_on_host_boot", "transport_url", "use_stderr", "vif_plugging_timeout"],
        ],
        api_database: ["connection"],
        database: ["connection"],
        keystone_authtoken: ["username"],
        libvirt: ["virt_type", "live_migration_inbound_addr"],
        neutron: ["password", "metadata_proxy_shared_secret", "valid_interfaces"],
        nova_sys_admin: ["helper_command"],
        os_brick: ["lock_path"],
        os_vif_ovs: ["ovsdb_connection"],
        placement: ["password"],
        privsep_osbrick: ["helper_command"],
        service_user: ["send_service_user_token", "password"],
        vif_plug_ovs_privileged: ["helper_command"],
        workarounds: ["skip_cpu_compare_on_dest"],
      },
    };
    for (const [service, sections] of Object.entries(written)) {
      const { files } = await committedOptions(service);
      const main = files[service === "glance" ? "glance-api.conf" : `${service}.conf`] ?? {};
      for (const [section, names] of Object.entries(sections)) {
        assert.deepEqual(
          names.filter((name) => main[section]?.[name] === undefined),
          [],
          `${service} [${section}]`,
        );
      }
    }
    const { files } = await committedOptions("neutron");
    assert.ok(files["ml2_conf.ini"]?.["ovn"]?.["ovn_emit_need_to_frag"]);
    assert.ok(files["neutron_ovn_metadata_agent.ini"]?.["DEFAULT"]?.["metadata_proxy_shared_secret"]);
    assert.ok(files["neutron_ovn_metadata_agent.ini"]?.["ovn"]?.["ovn_sb_connection"]);
  });
});
