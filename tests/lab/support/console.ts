import * as assert from "node:assert/strict";
import * as https from "node:https";
import type { Cloud } from "./cloud";
import { send } from "./cloud-requests";
import type { GuestServer } from "./servers";
import { within } from "./wait";

/** Longest wait for the console's first words, in seconds: a bound against hanging. */
const limit = 60;

/**
 * What a server's console says first to whoever opens it as a browser does: the address that Nova gives, noVNC's page there,
 * and the connection that the page opens.
 */
export async function consoleGreeting(cloud: Cloud, server: GuestServer): Promise<string> {
  const { remote_console: given } = await server.api.call<{ remote_console: { url: string } }>(
    ...(["compute", "POST", `/servers/${server.id}/remote-consoles`] as const),
    { remote_console: { protocol: "vnc", type: "novnc" } },
  );
  const ca = cloud.outputs.caCertificate;
  const page = await send({ url: given.url, ca });
  assert.equal(page.status, 200, `${given.url}: ${page.text.slice(0, 300)}`);
  assert.match(page.text, /noVNC/, `${given.url} is no page of noVNC`);
  const { origin, searchParams } = new URL(given.url);
  return within("the console's first words", limit, firstFrame(new URL(`/${searchParams.get("path")}`, origin), ca));
}

/** Content of the first frame of a WebSocket: a server does not mask it, and less than 126 bytes have no further length. */
function firstFrame(url: URL, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ Connection: "Upgrade", Upgrade: "websocket", Origin: url.origin },
      ...{ "Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "binary" },
      "Sec-WebSocket-Key": Buffer.from("sixteen bytes ok").toString("base64"),
    };
    https
      .get(url, { ca, headers, agent: false })
      .once("error", reject)
      .once("response", ({ statusCode }) => reject(new Error(`${url}: ${statusCode} instead of a WebSocket`)))
      .once("upgrade", (_answer, socket, head) => {
        let read = head;
        const look = (part: Buffer): void => {
          read = Buffer.concat([read, part]);
          const length = read[1] ?? Number.POSITIVE_INFINITY;
          if (read.length < 2 + length) return;
          socket.destroy();
          resolve(read.subarray(2, 2 + length).toString());
        };
        socket
          .on("data", look)
          .once("error", reject)
          .once("close", () => reject(new Error(`${url}: closed after ${read.length} bytes`)));
        look(Buffer.alloc(0));
      })
      .end();
  });
}
