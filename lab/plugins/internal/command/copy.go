package command

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"stratiform.local/lab/plugins/internal/provider"
)

// copyToRemote puts a text, a file or a folder on a host by SFTP. Deleting it leaves the copy where it is.
type copyToRemote struct{ command }

func (c *copyToRemote) Check(ctx context.Context, req plugin.CheckRequest) (plugin.CheckResponse, error) {
	response, err := c.command.Check(ctx, req)
	source := req.News["source"]
	good := source.IsComputed() || source.IsNull() ||
		source.IsAsset() && (source.AssetValue().IsPath() || source.AssetValue().IsText()) ||
		source.IsArchive() && source.ArchiveValue().IsPath()
	if !good {
		response.Failures = append(response.Failures, plugin.CheckFailure{
			Property: "source", Reason: "must be a FileAsset, a StringAsset or a FileArchive",
		})
	}
	return response, err
}

func (c *copyToRemote) Create(ctx context.Context, req plugin.CreateRequest) (plugin.CreateResponse, error) {
	id, err := uniqueID("")
	if err == nil && !req.Preview {
		err = c.copy(ctx, req.URN, req.Properties)
	}
	return plugin.CreateResponse{ID: id, Properties: req.Properties}, err
}

// Update copies again when the content or the place has changed; a changed connection alone copies nothing.
func (c *copyToRemote) Update(ctx context.Context, req plugin.UpdateRequest) (plugin.UpdateResponse, error) {
	content := provider.Changed(
		resource.PropertyMap{"s": req.OldInputs["source"], "p": req.OldInputs["remotePath"]},
		resource.PropertyMap{"s": req.NewInputs["source"], "p": req.NewInputs["remotePath"]}, nil)
	var err error
	if len(content) > 0 && !req.Preview {
		err = c.copy(ctx, req.URN, req.NewInputs)
	}
	return plugin.UpdateResponse{Properties: req.NewInputs}, err
}

func (c *copyToRemote) Delete(context.Context, plugin.DeleteRequest) (plugin.DeleteResponse, error) {
	return plugin.DeleteResponse{}, nil
}

func (c *copyToRemote) copy(ctx context.Context, urn resource.URN, in props) error {
	to, err := connectionOf(in)
	if err != nil {
		return err
	}
	client, err := (&runner{log: c.log, urn: urn}).dial(ctx, to)
	if err != nil {
		return err
	}
	defer client.Close()
	files, err := sftp.NewClient(client.Client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return fmt.Errorf("SFTP on %s: %w", provider.Text(to, "host"), err)
	}
	defer files.Close()
	remote, source := provider.Text(in, "remotePath"), in["source"]
	if source.IsAsset() && source.AssetValue().IsText() {
		return write(files, strings.NewReader(source.AssetValue().Text), remote)
	}
	if source.IsAsset() {
		return copyPath(files, source.AssetValue().Path, remote)
	}
	return copyPath(files, source.ArchiveValue().Path, remote)
}

// copyPath follows the official rules: a file goes to the path, or into the folder that is there; a folder goes into
// the path under its own name, or, named with a "/" at its end, its content does.
func copyPath(files *sftp.Client, local, remote string) error {
	info, err := os.Stat(local)
	if err != nil {
		return err
	}
	there, err := files.Stat(remote)
	isFolder := err == nil && there.IsDir()
	if !info.IsDir() {
		if isFolder {
			remote = path.Join(remote, filepath.Base(local))
		}
		return copyFile(files, local, remote)
	}
	if !strings.HasSuffix(local, "/") {
		remote = path.Join(remote, filepath.Base(local))
	}
	return fs.WalkDir(os.DirFS(local), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := path.Join(remote, name)
		if !entry.IsDir() {
			return copyFile(files, filepath.Join(local, name), target)
		}
		if err := files.MkdirAll(target); err != nil {
			return fmt.Errorf("remote folder %s: %w", target, err)
		}
		return nil
	})
}

func copyFile(files *sftp.Client, local, remote string) error {
	file, err := os.Open(local)
	if err != nil {
		return err
	}
	defer file.Close()
	return write(files, file, remote)
}

func write(files *sftp.Client, content io.Reader, remote string) error {
	file, err := files.Create(remote)
	if err != nil {
		return fmt.Errorf("remote file %s: %w", remote, err)
	}
	if _, err = file.ReadFrom(content); err != nil {
		_ = file.Close()
		return fmt.Errorf("remote file %s: %w", remote, err)
	}
	return file.Close()
}
