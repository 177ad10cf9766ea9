/** What of a service's options its images' own code is asked for, and what it cannot say. */
export interface OptionSource {
  /** Image whose code is asked. @default the service's name */
  image?: string;
  /** Debian package whose version is that of the service's code. */
  versionOf: string;
  /** Namespaces of options by file, as the service's own generator of examples names them. */
  files: Readonly<Record<string, readonly string[]>>;
  /**
   * Sections that code makes up at run time, so that no list names them; `*` stands for any text. Options in them are
   * not checked. @default none
   */
  dynamic?: readonly string[];
}

/** Services with option lists, by name. What is said here goes by the upstream documentation of the images' series. */
export const optionSources: Readonly<Record<string, OptionSource>> = {
  keystone: {
    versionOf: "python3-keystone",
    files: {
      "keystone.conf": [
        "keystone",
        "oslo.cache",
        "oslo.db",
        "oslo.log",
        "oslo.messaging",
        "oslo.middleware",
        "oslo.policy",
        "osprofiler",
      ],
    },
    // One section for each protocol of federation, named after the protocol, such as [openid] remote_id_attribute.
    dynamic: ["kerberos", "mapped", "openid", "saml2", "x509"],
  },
};
