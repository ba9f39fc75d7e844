package offline

// ImageCmd makes disk images.
type ImageCmd struct {
	Sample ImageSampleCmd `cmd:"" help:"Make the disk of a sample Windows, in any state, to try everything on."`
	Live   ImageLiveCmd   `cmd:"" help:"Make the rescue stick: a small system that boots and has hangkit on it."`
	Data   ImageDataCmd   `cmd:"" help:"Make room for dumps on a rescue stick that has none."`
}

// Help is the command's long help.
func (*ImageCmd) Help() string {
	return `Makes disk images. Nothing that exists is touched but a stick that you name.

    hangkit image sample -o win11.img --windows 11 --state crashed`
}
