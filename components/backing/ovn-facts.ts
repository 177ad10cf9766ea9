/** OVN's databases. They listen with TLS only, and take only clients with a certificate of their own authority. */
export interface OvnFacts {
  /** Members of the northbound database, as OVSDB clients take them: `ssl:ovn-northbound-0.….cluster.local:6641,…`. */
  northbound: string;
  /** Members of the southbound database. */
  southbound: string;
  /** Path of the client's private key, in the pods of every process that talks to one of the databases. */
  privateKey: string;
  /** Path of its certificate. */
  certificate: string;
  /** Path of the authority's certificate. */
  caCertificate: string;
}

/** The service, its processes with their ports, and the port on which members agree. */
export const ovnService = "ovn";
/** The databases: what each is called, and where clients find it. */
export const ovnDatabases = {
  northbound: { port: 6641, clusterPort: 6643, schema: "OVN_Northbound" },
  southbound: { port: 6642, clusterPort: 6644, schema: "OVN_Southbound" },
} as const;
export type OvnDatabase = keyof typeof ovnDatabases;

/** Directory, in the pods of databases and clients, of certificate, key and authority. Followed when they change. */
export const ovnTlsDirectory = "/etc/stratiform/ovn";
/** Secret that holds them, in the namespace of the cloud and in that of its nodes. */
export const ovnTlsSecret = "ovn-tls";

/** Host names of a database's members. */
export function ovnMembers(cloud: string, dnsDomain: string, database: OvnDatabase, replicas: number): string[] {
  const set = `${ovnService}-${database}`;
  return Array.from({ length: replicas }, (_, member) => `${set}-${member}.${set}.${cloud}.svc.${dnsDomain}`);
}

/** How clients reach OVN. */
export function ovnFacts(cloud: string, dnsDomain: string, replicas: Record<OvnDatabase, number>): OvnFacts {
  const list = (database: OvnDatabase): string =>
    ovnMembers(cloud, dnsDomain, database, replicas[database])
      .map((host) => `ssl:${host}:${ovnDatabases[database].port}`)
      .join(",");
  return {
    northbound: list("northbound"),
    southbound: list("southbound"),
    privateKey: `${ovnTlsDirectory}/tls.key`,
    certificate: `${ovnTlsDirectory}/tls.crt`,
    caCertificate: `${ovnTlsDirectory}/ca.crt`,
  };
}
