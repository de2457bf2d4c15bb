"""Sends a file with tuspy, the tus protocol's own Python client, breaks off half-way and goes on with a new
client that knows nothing but the upload's address:  resume.py SERVER TOKEN FILE"""

import sys

from tusclient.client import TusClient

server, token, path = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
client = TusClient(f"{server}/api/v1/uploads", headers=headers)
first = client.uploader(path, chunk_size=1500, metadata={"filename": "laps.csv"})
first.upload(stop_at=3000)
assert first.offset == 3000, first.offset
first.file_stream and first.file_stream.close()

again = TusClient(f"{server}/api/v1/uploads", headers=headers).uploader(path, chunk_size=2000, url=first.url)
assert again.offset == 3000, again.offset
again.upload()
assert again.offset == again.get_file_size(), again.offset
print(first.url.rsplit("/", 1)[-1])
