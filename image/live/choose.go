package live

import "strings"

// chosen are the folders and modules, below kernel/, that a machine may need before a person can
// see its disks and type. What they depend on follows by itself.
//
// Whole folders where every driver in it may sit in a machine that runs Windows; single drivers
// where the rest of the folder is for museums or for networks: old SCSI drivers probe ports and
// some bring the kernel down (am53c974 does, on an emulated one).
var chosen = []string{
	// disks
	"drivers/nvme/host/nvme.", "drivers/nvme/host/nvme-core.", "drivers/ata/",
	"drivers/pci/controller/", "drivers/ufs/", "drivers/block/mtip32xx/",
	"drivers/virtio/", "drivers/block/virtio_blk.", "drivers/scsi/virtio_scsi.",
	"drivers/hv/", "drivers/scsi/hv_storvsc.", "drivers/scsi/vmw_pvscsi.",
	"drivers/block/xen-blkfront.", "drivers/scsi/xen-scsifront.", "drivers/block/loop.", "drivers/block/nbd.",
	"drivers/scsi/sd_mod.", "drivers/scsi/sr_mod.", "drivers/scsi/sg.", "drivers/scsi/ses.", "drivers/scsi/scsi_", "drivers/scsi/raid_class.",
	// RAID controllers and host adapters of servers
	"drivers/scsi/megaraid/megaraid_sas.", "drivers/scsi/mpt3sas/", "drivers/scsi/mpi3mr/", "drivers/scsi/smartpqi/", "drivers/scsi/hpsa.",
	"drivers/scsi/aacraid/", "drivers/scsi/arcmsr/", "drivers/scsi/3w-9xxx.", "drivers/scsi/3w-sas.", "drivers/scsi/mvsas/", "drivers/scsi/mvumi.",
	"drivers/scsi/isci/", "drivers/scsi/hptiop.", "drivers/scsi/stex.", "drivers/scsi/pm8001/", "drivers/scsi/pmcraid.", "drivers/scsi/esas2r/",
	"drivers/scsi/ipr.", "drivers/scsi/myrs.", "drivers/message/fusion/mptsas.", "drivers/message/fusion/mptspi.", "drivers/scsi/sym53c8xx_2/",
	"drivers/scsi/lpfc/", "drivers/scsi/qla2xxx/qla2xxx.", "drivers/scsi/hisi_sas/",
	// arrays and volumes made of disks
	"drivers/md/md-mod.", "drivers/md/raid", "drivers/md/dm-mod.", "drivers/md/dm-crypt.", "drivers/md/dm-mirror.", "drivers/md/dm-raid.", "drivers/md/dm-snapshot.",
	// USB, cards and what they hang on
	"drivers/usb/core/usbcore.", "drivers/usb/common/", "drivers/usb/host/", "drivers/usb/storage/", "drivers/usb/typec/", "drivers/usb/roles/",
	"drivers/usb/dwc3/", "drivers/usb/misc/usb-ljca.", "drivers/thunderbolt/", "drivers/phy/",
	"drivers/mmc/", "drivers/memstick/", "drivers/misc/cardreader/",
	// keyboards
	"drivers/hid/hid.", "drivers/hid/hid-generic.", "drivers/hid/usbhid/", "drivers/hid/i2c-hid/", "drivers/hid/surface-hid/", "drivers/hid/intel-ish-hid/",
	"drivers/hid/amd-sfh-hid/", "drivers/hid/hid-hyperv.", "drivers/hid/hid-apple.", "drivers/hid/hid-asus.", "drivers/hid/hid-belkin.", "drivers/hid/hid-cherry.",
	"drivers/hid/hid-chicony.", "drivers/hid/hid-corsair.", "drivers/hid/hid-cypress.", "drivers/hid/hid-elan.", "drivers/hid/hid-ezkey.", "drivers/hid/hid-gembird.",
	"drivers/hid/hid-google-hammer.", "drivers/hid/hid-holtek-kbd.", "drivers/hid/hid-ite.", "drivers/hid/hid-kensington.", "drivers/hid/hid-lenovo.",
	"drivers/hid/hid-lg", "drivers/hid/hid-logitech", "drivers/hid/hid-microsoft.", "drivers/hid/hid-multitouch.", "drivers/hid/hid-primax.", "drivers/hid/hid-redragon.",
	"drivers/hid/hid-rmi.", "drivers/hid/hid-roccat", "drivers/hid/hid-semitek.", "drivers/hid/hid-steelseries.", "drivers/hid/hid-sunplus.", "drivers/hid/hid-topseed.",
	"drivers/hid/hid-vivaldi", "drivers/input/keyboard/applespi.", "drivers/input/keyboard/cros_ec_keyb.", "drivers/input/keyboard/gpio_keys", "drivers/input/serio/hyperv-keyboard.",
	"drivers/input/serio/ambakmi.", "drivers/input/evdev.", "drivers/input/misc/soc_button_array.",
	"drivers/i2c/", "drivers/spi/", "drivers/mfd/intel-lpss", "drivers/mfd/lpc_ich.", "drivers/mfd/cros_ec_dev.", "drivers/platform/chrome/",
	"drivers/pinctrl/", "drivers/platform/surface/", "drivers/acpi/", "drivers/gpio/", "drivers/dma/",
	// consoles, and what a host says to its guest
	"drivers/tty/serial/", "drivers/tty/hvc/", "drivers/char/ipmi/", "drivers/firmware/qemu_fw_cfg.", "drivers/char/hw_random/virtio-rng.",
	"drivers/gpu/drm/virtio/", "drivers/gpu/drm/tiny/simpledrm.",
	// file systems
	"fs/ntfs3/", "fs/exfat/", "fs/fat/", "fs/isofs/", "fs/udf/", "fs/ext4/", "fs/nls/", "fs/efivarfs/", "fs/fuse/fuse.",
	// what is asked for by a name that no dependency shows
	"crypto/crc32c_generic.", "crypto/xts.", "crypto/cbc.", "crypto/essiv.", "crypto/aes", "arch/x86/crypto/aesni-intel.", "arch/x86/crypto/crc32", "arch/x86/crypto/crct10dif",
	"arch/arm64/crypto/aes", "arch/arm64/crypto/crct10dif", "lib/crc", "lib/libcrc32c.",
	// what arm64 machines need before any of the above
	"drivers/clk/", "drivers/regulator/", "drivers/reset/", "drivers/interconnect/", "drivers/soc/", "drivers/mailbox/", "drivers/hwspinlock/", "drivers/rpmsg/", "drivers/remoteproc/", "drivers/nvmem/", "drivers/iommu/", "drivers/bus/", "drivers/firmware/",
}

// unwanted are left out of the folders above: drivers that no machine with Windows has, that look
// for their hardware by trying, or that show parts of this machine to others.
var unwanted = []string{
	"drivers/ata/pata_legacy.", "drivers/ata/pata_pcmcia.", "drivers/usb/host/sl811", "drivers/usb/gadget/", "drivers/scsi/scsi_debug.",
	"drivers/i2c/i2c-stub.", "drivers/i2c/muxes/", "drivers/i2c/busses/i2c-parport.", "drivers/i2c/busses/i2c-pca-platform.",
	"drivers/spi/spi-loopback", "drivers/gpio/gpio-mockup.", "drivers/gpio/gpio-sim.", "drivers/gpio/gpio-aggregator.", "drivers/gpio/gpio-it87.", "drivers/gpio/gpio-f7188x.", "drivers/gpio/gpio-winbond.", "drivers/gpio/gpio-104", "drivers/gpio/gpio-ws16c48.", "drivers/gpio/gpio-gpio-mm.",
	"drivers/acpi/apei/", "drivers/acpi/nfit/", "drivers/acpi/acpi_configfs.", "drivers/dma/dmatest.", "drivers/dma/idxd/", "drivers/char/ipmi/ipmi_poweroff.", "drivers/char/ipmi/ipmi_watchdog.",
	"drivers/platform/chrome/wilco", "drivers/tty/serial/jsm/", "drivers/firmware/google/", "drivers/firmware/iscsi_ibft.", "drivers/mmc/host/mmc_test.", "drivers/mmc/core/mmc_test.",
	"drivers/soc/ti/", "drivers/virtio/virtio_vdpa.",
}

// isChosen tells whether a module, by its path below kernel/, is carried for its own sake.
func isChosen(file string) bool { return hasPrefix(file, chosen) && !hasPrefix(file, unwanted) }

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
