import type { ImageCatalogue } from "./catalogue";

const shell = { sh: ["/bin/sh"] };

/** The images that `images/recipes.ts` makes from Debian's packages. */
export const debianCatalogue: ImageCatalogue = {
  mariadb: {
    uid: 42434,
    gid: 42434,
    programs: {
      ...shell,
      mariadbd: ["/usr/sbin/mariadbd"],
      mariadb: ["/usr/bin/mariadb"],
      "mariadb-admin": ["/usr/bin/mariadb-admin"],
      "mariadb-backup": ["/usr/bin/mariadb-backup"],
      "mariadb-dump": ["/usr/bin/mariadb-dump"],
      "mariadb-install-db": ["/usr/bin/mariadb-install-db"],
      socat: ["/usr/bin/socat"],
    },
    paths: {
      data: "/var/lib/mysql",
      run: "/run/mysqld",
      // A fresh data directory, owned by the user, for a member with an empty volume to copy.
      template: "/usr/share/stratiform/mysql",
      galera: "/usr/lib/galera/libgalera_smm.so",
    },
  },
  memcached: { uid: 42457, gid: 42457, programs: { ...shell, memcached: ["/usr/bin/memcached"] }, paths: {} },
  haproxy: {
    uid: 42454,
    gid: 42454,
    programs: { ...shell, haproxy: ["/usr/sbin/haproxy"], socat: ["/usr/bin/socat"] },
    paths: { config: "/etc/haproxy", run: "/run/haproxy" },
  },
  keepalived: {
    // It sets addresses of the host.
    uid: 0,
    gid: 0,
    programs: { ...shell, keepalived: ["/usr/sbin/keepalived"], ip: ["/usr/sbin/ip"] },
    paths: { config: "/etc/keepalived", run: "/run" },
  },
  keystone: {
    uid: 42425,
    gid: 42425,
    programs: {
      ...shell,
      uwsgi: ["/usr/bin/uwsgi"],
      "keystone-manage": ["/usr/bin/keystone-manage"],
      "keystone-status": ["/usr/bin/keystone-status"],
      python3: ["/usr/bin/python3"],
    },
    paths: {
      config: "/etc/keystone",
      fernetKeys: "/etc/keystone/fernet-keys",
      credentialKeys: "/etc/keystone/credential-keys",
    },
    wsgi: { api: "module=keystone.wsgi.api:application" },
  },
  client: {
    uid: 42400,
    gid: 42400,
    programs: { ...shell, openstack: ["/usr/bin/openstack"], python3: ["/usr/bin/python3"] },
    paths: {},
  },
};
