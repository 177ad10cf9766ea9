/** A user of fixed number, with a group of the same name and number. */
export interface FixedUser {
  /** Name, as the Debian package that uses it expects it. */
  name: string;
  /** Number of the user and of its group. */
  uid: number;
}

/**
 * Users of all images. They exist before any package is installed, since packages give out numbers in the order of their
 * installation but keep a user that is there already. The numbers are those of Kolla's images, so that volumes can be
 * taken over; names are those of Debian's packages.
 */
export const fixedUsers: readonly FixedUser[] = [
  // For programs that own nothing, such as the client.
  { name: "stratiform", uid: 42400 },
  { name: "barbican", uid: 42403 },
  { name: "cinder", uid: 42407 },
  { name: "designate", uid: 42411 },
  { name: "glance", uid: 42415 },
  { name: "heat", uid: 42418 },
  { name: "horizon", uid: 42420 },
  { name: "keystone", uid: 42425 },
  { name: "libvirt-qemu", uid: 42427 },
  { name: "magnum", uid: 42428 },
  { name: "manila", uid: 42429 },
  { name: "mysql", uid: 42434 },
  { name: "neutron", uid: 42435 },
  { name: "nova", uid: 42436 },
  { name: "octavia", uid: 42437 },
  { name: "rabbitmq", uid: 42439 },
  { name: "swift", uid: 42445 },
  { name: "haproxy", uid: 42454 },
  // Debian's memcached runs as "memcache".
  { name: "memcache", uid: 42457 },
  { name: "openvswitch", uid: 42476 },
  { name: "placement", uid: 42482 },
];

/**
 * Number of a fixed user.
 * @throws Error if there is none of that name
 */
export function fixedUid(name: string): number {
  const user = fixedUsers.find((one) => one.name === name);
  if (user === undefined) {
    throw new Error(`images/users.ts has no user ${name}; it has ${fixedUsers.map((one) => one.name).join(", ")}`);
  }
  return user.uid;
}
