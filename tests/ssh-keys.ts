import { utils } from "ssh2";

/** An SSH key of its own: the private part in OpenSSH's format, the public one as `<type> <key>`. */
export interface SshKey {
  private: string;
  public: string;
}

/**
 * Makes an ed25519 key. ssh2 (1.17) drops a leading zero of the public part, and so makes one key in 256 that neither it
 * nor OpenSSH can read (23 of 6,000 were seen): such a one is made again.
 */
export function newSshKey(): SshKey {
  for (;;) {
    const key = utils.generateKeyPairSync("ed25519");
    if (!(utils.parseKey(key.private) instanceof Error)) {
      return { private: key.private, public: key.public.split(" ").slice(0, 2).join(" ") };
    }
  }
}
