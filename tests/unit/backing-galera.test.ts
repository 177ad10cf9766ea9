import * as assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as path from "node:path";
import * as fc from "fast-check";
import { databaseStatements } from "../../components/backing/database";
import { memberConfiguration, proxyConfiguration } from "../../components/backing/galera-config";

const library = path.join(__dirname, "../../components/backing/scripts/galera-library.sh");
const nobody = "00000000-0000-0000-0000-000000000000";
const [here, elsewhere] = ["b69aa1c5-e81b-11f1-9b2b-2e15d7d01d5b", "c00aa1c5-e81b-11f1-9b2b-2e15d7d01d5b"];

interface Question {
  own: number;
  members: number;
  /** What members say, without addresses: "0 waiting UUID SEQNO SAFE". */
  answers: string[];
}

/** What the shell function `decide` says to many questions, in one shell. */
function decide(questions: Question[]): string[] {
  const program = [
    'POD_NAME=mariadb-0 RUN=/nowhere; . "$1"',
    ...questions.map(({ own, members, answers }) =>
      [
        `decide ${own} ${members} <<'ANSWERS'`,
        ...answers.map((answer) => `10.0.0.${answer[0]} ${answer}`),
        "ANSWERS",
      ].join("\n"),
    ),
  ].join("\n");
  return execFileSync("sh", ["-s", library], { input: program, encoding: "utf8" }).trim().split("\n");
}

function decideOne(own: number, members: number, ...answers: string[]): string {
  return decide([{ own, members, answers }])[0] ?? "";
}

const waiting = (member: number, seqno: number, cluster = seqno < 0 ? nobody : here, safe = 0): string =>
  `${member} waiting ${cluster} ${seqno} ${safe}`;

describe("who begins a database cluster", function () {
  this.timeout(20_000);

  it("is a member that is alone, at once", () => {
    assert.equal(decideOne(0, 1, waiting(0, -1)), "bootstrap");
    assert.equal(decideOne(0, 1, waiting(0, 17)), "bootstrap");
  });

  it("is nobody where a member takes writes: the others join", () => {
    assert.equal(decideOne(2, 3, waiting(2, 99), "0 apart", "1 primary ready"), "join");
    // Even one that is there no more in a smaller cluster, until it is gone.
    assert.equal(decideOne(0, 1, waiting(0, 99), "2 primary ready"), "join");
  });

  it("is nobody before all members have said how far their data reach", () => {
    assert.match(decideOne(0, 3, waiting(0, 10), waiting(1, 5)), /^wait for what members 2 say$/);
    assert.match(decideOne(0, 3, waiting(0, 10), waiting(1, 5), "2 damaged"), /^wait for members 2 \(damaged\)$/);
    for (const busy of ["starting", "apart", "deaf", "leaving"]) {
      assert.match(decideOne(0, 3, waiting(0, 10), waiting(1, 5), `2 ${busy}`), /^wait /, busy);
    }
    // The same member twice, by a name server that is late, is one member.
    assert.match(decideOne(0, 3, waiting(0, 10), waiting(1, 5), waiting(1, 5)), /^wait for what members 2 say$/);
  });

  it("is the one with the newest data, and of equals the one that stopped last, or the first", () => {
    assert.equal(decideOne(2, 3, waiting(0, 8), waiting(1, 9), waiting(2, 10)), "bootstrap");
    assert.match(decideOne(0, 3, waiting(0, 8), waiting(1, 9), waiting(2, 10)), /^wait for member 2/);
    assert.equal(decideOne(1, 3, waiting(0, 9), waiting(1, 9, here, 1), waiting(2, 9)), "bootstrap");
    assert.equal(decideOne(0, 3, waiting(0, -1), waiting(1, -1), waiting(2, -1)), "bootstrap");
    // A member whose volume was lost never begins while another has data.
    assert.match(decideOne(0, 3, waiting(0, -1), waiting(1, 3), waiting(2, 3)), /^wait for member 1/);
  });

  it("is for hands where data contradict each other, or nobody has whole data any more", () => {
    assert.match(
      decideOne(0, 3, waiting(0, 8), waiting(1, 9, elsewhere), waiting(2, 8)),
      /^wait for hands: .*different/,
    );
    assert.match(decideOne(0, 3, waiting(0, -1), waiting(1, -2), waiting(2, -1)), /^wait for hands: no member/);
  });

  it("leaves members out of account that are there no more", () => {
    assert.equal(decideOne(0, 1, waiting(0, 3), waiting(2, 9)), "bootstrap");
  });

  it("is never more than one member, whatever they say", () => {
    const answer = fc.oneof(
      { weight: 6, arbitrary: fc.tuple(fc.integer({ min: -2, max: 4 }), fc.constantFrom(0, 1)) },
      { weight: 1, arbitrary: fc.constantFrom("starting", "apart", "deaf", "leaving", "damaged", "primary") },
    );
    const sets = fc.sample(fc.array(answer, { minLength: 3, maxLength: 3 }), { numRuns: 300, seed: 7 });
    const questions = sets.flatMap((set) =>
      [0, 1, 2].map((own): Question => {
        const answers = set.map((one, member) =>
          typeof one === "string" ? `${member} ${one}` : waiting(member, one[0], undefined, one[1]),
        );
        return { own, members: 3, answers };
      }),
    );
    const said = decide(questions);
    assert.equal(said.length, questions.length);
    let begun = 0;
    sets.forEach((set, index) => {
      const beginners = [0, 1, 2].filter((member) => said[3 * index + member] === "bootstrap");
      const seqnos = set.map((one) => (typeof one === "string" ? Number.NaN : one[0]));
      assert.ok(beginners.length <= 1, JSON.stringify(set));
      for (const member of beginners) {
        begun++;
        assert.equal(seqnos[member], Math.max(...seqnos), JSON.stringify(set));
      }
      // All wait, and nothing stands against a beginning: somebody begins.
      if (seqnos.every((seqno) => seqno >= 0)) {
        assert.equal(beginners.length, 1, JSON.stringify(set));
      }
    });
    assert.ok(begun > 50, `only ${begun} beginnings among ${sets.length}`);
  });
});

describe("configuration of the database", () => {
  const settings = {
    cloud: "cloud",
    data: "/var/lib/mysql",
    run: "/run/mysqld",
    scratch: "/var/tmp/mariadb",
    galera: "/usr/lib/galera/libgalera_smm.so",
    memory: 4 * 1024 ** 3,
    durable: true,
  };

  it("gives half of a member's memory to the pool, and makes transactions last where state is protected", () => {
    const durable = memberConfiguration(settings);
    assert.match(durable, /^innodb_buffer_pool_size=2048M$/m);
    assert.match(durable, /^innodb_flush_log_at_trx_commit=1$/m);
    const lab = memberConfiguration({ ...settings, durable: false, memory: 64 * 1024 ** 2 });
    assert.match(lab, /^innodb_buffer_pool_size=64M$/m);
    assert.match(lab, /^innodb_flush_log_at_trx_commit=2$/m);
    for (const text of [durable, lab]) {
      assert.match(text, /^wsrep_on=ON$/m);
      assert.match(text, /pc\.recovery=false/);
      assert.match(text, /^character-set-server=utf8mb3$/m);
    }
  });

  it("sends all connections to the first member that takes writes, in one order for every proxy", () => {
    const members = [0, 1, 2].map((member) => `mariadb-${member}.mariadb-members.cloud.svc.cluster.local`);
    const servers = proxyConfiguration(members, { threads: 2 })
      .split("\n")
      .filter((line) => line.startsWith("  server "));
    assert.deepEqual(
      servers.map((line) => [line.split(" ")[3], line.endsWith(" backup")]),
      [
        ["mariadb-0", false],
        ["mariadb-1", true],
        ["mariadb-2", true],
      ],
    );
    assert.match(servers[0] ?? "", /rise 10 on-marked-up shutdown-backup-sessions$/);
    // HAProxy 3.0 forgets the client of a connection that is just being made.
    assert.doesNotMatch(proxyConfiguration(members, { threads: 2 }), /on-marked-down/);
    // Alone, it need not prove itself.
    assert.match(proxyConfiguration(members.slice(0, 1), { threads: 1 }), /^ {2}server mariadb-0 .* rise 1 on/m);
  });
});

describe("databases of a service", () => {
  it("are made with a user that may use just these, and can be made again", () => {
    const lines = databaseStatements(["nova", "nova_api"], "nova-g1", "word");
    assert.equal(lines.filter((line) => /^CREATE DATABASE IF NOT EXISTS .* utf8mb3 /.test(line)).length, 2);
    assert.deepEqual(
      lines.filter((line) => line.startsWith("GRANT")),
      // Without the backslash the user would have "novaXapi" too.
      ["GRANT ALL PRIVILEGES ON `nova`.* TO 'nova-g1'@'%'", "GRANT ALL PRIVILEGES ON `nova\\_api`.* TO 'nova-g1'@'%'"],
    );
    assert.ok(lines.every((line) => !/CREATE (USER|DATABASE) (?!IF NOT EXISTS)/.test(line)));
    assert.ok(lines.some((line) => line.startsWith("ALTER USER 'nova-g1'@'%'")));
  });

  it("take a password with whatever in it", () => {
    assert.match(databaseStatements(["a"], "a", "p'w\\d").join("\n"), /IDENTIFIED BY 'p''w\\\\d'$/m);
  });

  for (const name of ["a`b", "a'b", "", "a b", "a;b"]) {
    it(`refuse the name ${JSON.stringify(name)}`, () => {
      assert.throws(() => databaseStatements([name], "user", "word"), /cannot be the name/);
      assert.throws(() => databaseStatements(["db"], name, "word"), /cannot be the name/);
    });
  }
});

describe("database scripts", () => {
  it("are plain POSIX shell", () => {
    for (const file of ["start", "library", "ready", "alive"]
      .map((name) => `galera-${name}.sh`)
      .concat("attempts-library.sh")) {
      const run = spawnSync("sh", ["-n", path.join(path.dirname(library), file)], { encoding: "utf8" });
      assert.equal(run.status, 0, `${file}: ${run.stderr}`);
    }
  });
});
